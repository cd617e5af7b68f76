// The strip is the editor: everything that people see and touch. Its other half, editor.py, is explained in chapter 42b.
// A plain ES module, loaded by anywidget; no build step, nothing else is needed.
const SVG = 'http://www.w3.org/2000/svg'
const WAIT = 300           // ms after the last key until typed text is sent
const PHONE = 600          // px; below this width panels stand below each other
const PICTURE_SIDE = 1024  // px; larger pictures are reduced before they are sent

// ---- small helpers

function put(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value)
    else if (name === 'value' || name === 'checked') node[name] = value
    else node.setAttribute(name, value === true ? '' : value)
  }
  node.append(...children.flat().filter(c => c !== null && c !== undefined))
  return node
}
const h = (tag, attributes, ...children) => put(document.createElement(tag), attributes, children)
const s = (tag, attributes, ...children) => put(document.createElementNS(SVG, tag), attributes, children)
const clamp = (v, low, high) => Math.min(Math.max(v, low), high)
const cut = (text, n = 60) => text.length > n ? text.slice(0, n - 1) + '…' : text

// ---- the browser owns text

// For every field: `known` is what the kernel said last, `typed` what was written here and is not confirmed yet.
class Fields {
  constructor(send, waiting) {
    Object.assign(this, {send, waiting, known: new Map(), typed: new Map(), count: 0, session: 0, timer: null})
    this.tab = Math.random().toString(36).slice(2, 12)
  }
  get(name) { return this.typed.has(name) ? this.typed.get(name).value : this.known.has(name) ? this.known.get(name)[0] : undefined }
  type(name, value) {
    const base = this.known.has(name) ? this.known.get(name)[1] : 0
    this.typed.set(name, {value, number: ++this.count, base, sent: false})
    this.waiting(this.typed.size)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.flush(), WAIT)
  }
  set(name, value) { this.type(name, value); this.flush() }
  // what is not sent yet, as a part of the next message
  edits() {
    clearTimeout(this.timer)
    const out = []
    for (const [name, t] of this.typed) if (!t.sent) { t.sent = true; out.push([name, t.value, t.number, t.base, this.session]) }
    return out
  }
  flush() { const edits = this.edits(); if (edits.length) this.send({do: 'edit'}, edits) }
  hear(fields, ack, refused) {
    for (const [name, value] of Object.entries(fields || {})) this.known.set(name, value)
    if (ack && ack[0] === this.tab) for (const [name, t] of this.typed) if (t.sent && t.number <= ack[1] && !(refused || []).includes(name)) this.typed.delete(name)
    this.waiting(this.typed.size)
  }
}

// ---- pictures of one's own

async function reduced(file) {
  const image = await createImageBitmap(file)
  const scale = Math.min(1, PICTURE_SIDE / Math.max(image.width, image.height))
  const canvas = h('canvas', {width: Math.max(1, Math.round(image.width * scale)), height: Math.max(1, Math.round(image.height * scale))})
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise(done => canvas.toBlob(done, 'image/webp', .95))
  return blob.arrayBuffer()
}

// ---- the strip as SVG, from the operations that the kernel laid out

class Stage {
  constructor(editor) {
    this.editor = editor
    this.nodes = new Map()     // name of a panel or balloon -> its <g>
    this.boxes = new Map()     // the same -> where it is, as the kernel says
    this.urls = new Map()      // key of a picture -> its object URL
    this.pages = []
    this.element = h('section', {class: 'ac-stage', 'aria-label': 'The strip'})
  }
  art(op) {
    if (typeof op === 'string') { // SVG that the kernel made, the same as in a file
      const made = new DOMParser().parseFromString(`<svg xmlns="${SVG}">${op}</svg>`, 'image/svg+xml').documentElement
      return [...made.childNodes].map(node => document.importNode(node, true))
    }
    const [, x, y, w, height, key, crop, W, H] = op, [l, t, r, b] = crop || [0, 0, W, H]
    return [s('svg', {x, y, width: w, height, viewBox: `${l} ${t} ${r - l} ${b - t}`, preserveAspectRatio: 'none', overflow: 'hidden'},
      s('image', {width: W, height: H, preserveAspectRatio: 'none', 'data-picture': key, href: this.urls.get(key)}))]
  }
  node(name, make) {
    if (!this.nodes.has(name)) this.nodes.set(name, make())
    return this.nodes.get(name)
  }
  draw(pages) {
    const focused = this.editor.root.getRootNode().activeElement, seen = new Set()
    pages.forEach((page, i) => page.parts.forEach(part => [part, ...(part.inside || [])].forEach(p => { p.page = i; this.boxes.set(p.name, p) })))
    while (this.pages.length > pages.length) this.pages.pop().remove()
    pages.forEach((page, i) => {
      if (!this.pages[i]) { this.pages[i] = s('svg', {class: 'ac-page', role: 'group'}); this.element.append(this.pages[i]) }
      const svg = this.pages[i]
      svg.setAttribute('viewBox', `0 0 ${page.width} ${page.height}`)
      svg.setAttribute('aria-label', pages.length > 1 ? `Page ${i + 1} of ${pages.length}` : 'Comic strip')
      svg.style.setProperty('--page', `${page.width}px`)
      const parts = [s('rect', {width: page.width, height: page.height, fill: page.paper, rx: 6}), ...page.parts.map(part => this.part(part, seen))]
      svg.replaceChildren(...parts.filter(p => p))
    })
    for (const name of [...this.nodes.keys()]) if (!seen.has(name)) { this.nodes.delete(name); this.boxes.delete(name) }
    const first = pages[0]
    this.editor.root.classList.toggle('ac-wide', !!first && first.width > 1.7 * first.height)
    if (focused && focused.isConnected && this.editor.root.getRootNode().activeElement !== focused) focused.focus({preventScroll: true})
  }
  part(part, seen) {
    const editor = this.editor
    seen.add(part.name)
    const still = ['credits', 'frame', 'words'].includes(part.kind)
    const g = this.node(part.name, () => s('g', {class: `ac-${part.kind}`, tabindex: still ? null : 0, 'data-name': part.name, ...(still ? {} : editor.hands(part.kind, part.name))}))
    g.replaceChildren(...part.ops.flatMap(op => this.art(op)), ...(still ? [] : this.extras(part)), ...(part.inside || []).map(b => this.part(b, seen)), ...this.edges(part), ...(part.kind === 'panel' ? [s('rect', {class: 'ac-mark', x: part.box[0], y: part.box[1], width: part.box[2], height: part.box[3], rx: 3})] : []))
    g.style.transform = ''
    if (!still) { g.setAttribute('role', 'button'); g.setAttribute('aria-label', editor.words(part)) }
    if (part.kind === 'panel') g.setAttribute('aria-pressed', String(editor.selected === part.name))
    return g
  }
  extras(part) {
    const [x, y, w, height] = part.box
    if (part.kind === 'panel') {
      const empty = part.ops.every(op => typeof op === 'string')
      return [s('rect', {class: 'ac-hit', x, y, width: w, height, rx: 4}),
        ...(empty ? [Object.assign(s('text', {class: 'ac-ghost', x: x + w / 2, y: y + part.picture[3] / 2, 'text-anchor': 'middle', 'font-size': 15}), {textContent: 'not drawn yet'})] : [])]
    }
    const hit = s('rect', {class: 'ac-hit', x: x - 2, y: y - 2, width: w + 4, height: height + 4, rx: 6})
    if (part.kind !== 'balloon') return [hit]
    return [hit, ...(part.tip ? [s('circle', {class: 'ac-tip', cx: part.tip[0], cy: part.tip[1], r: 7, 'data-tip': part.name})] : [])]
  }
  // where a panel has a neighbour in its row, the line between them can be dragged
  edges(part) {
    if (part.kind !== 'panel' || !this.editor.next_in_row(part)) return []
    const [x, y, w, height] = part.box
    return [s('rect', {class: 'ac-edge', x: x + w, y, width: 12, height, 'data-edge': part.name}, Object.assign(s('title'), {textContent: 'Drag to make the panel wider or narrower'}))]
  }
  pictures(keys, buffers) {
    keys.forEach((key, i) => {
      if (!this.urls.has(key)) this.urls.set(key, URL.createObjectURL(new Blob([buffers[i]], {type: 'image/webp'})))
      for (const image of this.element.querySelectorAll(`image[data-picture="${key}"]`)) image.setAttribute('href', this.urls.get(key))
    })
    const used = new Set([...this.element.querySelectorAll('image')].map(i => i.dataset.picture))
    if (this.urls.size > 200) for (const [key, url] of this.urls) if (!used.has(key)) { URL.revokeObjectURL(url); this.urls.delete(key) }
  }
  missing() { return [...new Set([...this.element.querySelectorAll('image:not([href])')].map(i => i.dataset.picture))] }
  // a point of the screen on the page that `name` stands on
  at(name, event) {
    const svg = this.nodes.get(name).ownerSVGElement, m = svg.getScreenCTM().inverse()
    return [m.a * event.clientX + m.c * event.clientY + m.e, m.b * event.clientX + m.d * event.clientY + m.f]
  }
}

// ---- the editor

class Editor {
  constructor(model, el) {
    Object.assign(this, {model, order: [], info: {}, selected: null, busy: false, drag: null, inline: null, rows: new Map(), view: null, last: null})
    this.fields = new Fields((message, edits) => this.send(message, [], edits), n => { this.root.dataset.waiting = n })
    this.root = h('div', {class: 'ac', lang: 'en', 'data-lm-suppress-shortcuts': 'true', onkeydown: e => this.key(e), onpaste: e => this.paste(e)})
    this.stage = new Stage(this)
    this.build()
    el.append(this.root)
    this.hear = (message, buffers) => this.heard(message, buffers || [])
    model.on('msg:custom', this.hear)
    this.leave = () => this.fields.flush()
    window.addEventListener('pagehide', this.leave)
    document.addEventListener('visibilitychange', this.leave)
    this.sizes = new ResizeObserver(() => this.resized())
    this.sizes.observe(this.root)
    this.send({do: 'hello'})
  }
  close() {
    this.fields.flush()
    this.model.off('msg:custom', this.hear)
    window.removeEventListener('pagehide', this.leave)
    document.removeEventListener('visibilitychange', this.leave)
    this.sizes.disconnect()
  }
  send(message, buffers = [], edits = this.fields.edits()) { this.model.send({...message, tab: this.fields.tab, edits}, undefined, buffers) }
  resized() {
    const width = this.root.clientWidth
    if (!width) return
    const view = width < PHONE ? 'column' : 'own'
    if (view !== this.view) { this.view = view; this.send({do: 'view', view}) }
    this.root.classList.toggle('ac-narrow', view === 'column')
    this.dark()
  }
  dark() { // the notebook's theme, or that of the system on a web page
    const theme = document.body.dataset.jpThemeLight, page = document.querySelector('#rendered_cells')
    const dark = theme && !page ? theme === 'false' : matchMedia('(prefers-color-scheme: dark)').matches
    this.root.classList.toggle('ac-dark', dark)
  }

  // -- what the kernel says

  heard(m, buffers) {
    if (m.is === 'state') this.state(m, buffers)
    else if (m.is === 'said') this.said(m)
    else if (m.is === 'pictures') this.stage.pictures(m.keys, buffers)
    else if (m.is === 'fonts') this.fonts(m.faces, buffers)
    else if (m.is === 'about') this.about(m)
    else if (m.is === 'file' && m.tab === this.fields.tab) this.file(m, buffers[0])
    else if (m.is === 'tick') this.send({do: 'ticked', number: m.number}, [], [])
    else if (m.is === 'offers') this.offered(m, buffers)
    else if (m.is === 'words') this.words_came(m, buffers)
    else if (m.is === 'shelf') this.shelved(m)
  }
  state(m, buffers) {
    this.fields.hear(m.fields, m.ack, m.refused)
    if (m.pictures) this.stage.pictures(m.pictures, buffers)
    if (m.order) {
      this.order = m.order
      const names = this.order.map(o => o[0])
      if (!names.includes(this.selected)) this.select(names[Math.min(this.place || 0, names.length - 1)] || null, false)
      else this.controls()
    }
    if (m.scenes && m.scenes[this.view || 'own']) { this.stage.draw(m.scenes[this.view || 'own']); this.hold() }
    for (const [name, value] of Object.entries(m.info || {})) this.info[name] = value
    this.sync()
    const missing = this.stage.missing()
    if (missing.length) this.send({do: 'pictures', keys: missing}, [], [])
  }
  said(m) {
    if (m.role === 'alert') { this.alert.textContent = m.text; return }
    this.status.textContent = m.text
    this.progress.hidden = !m.total
    if (m.total) { this.progress.max = m.total; this.progress.value = m.value }
  }
  fonts(faces, buffers) {
    faces.forEach((face, i) => { const font = new FontFace(face.family, buffers[i], {weight: face.weight, style: face.style}); font.load().then(f => document.fonts.add(f)).catch(() => {}) })
  }
  about(m) {
    Object.assign(this.info, m.info)
    for (const [select, items] of [[this.model_, m.info.models.map(o => o.name)], [this.other, m.info.models.map(o => o.name)], [this.layout, [...Object.keys(m.info.layouts), '3x2', '1+2', '2+1', '2+3', '2+3+2', '3+1+3']], [this.style, m.info.styles], [this.font, Object.keys(m.info.fonts)], [this.format, m.info.formats]])
      select.replaceChildren(...items.map(o => h('option', {value: o}, o)))
    this.model_.value = m.info.model
    this.model_chosen()
    this.root.classList.toggle('ac-noflags', !m.info.flags)
    this.controls(); this.sync()
  }
  // every control shows what is known or typed; the one that somebody is in is left alone
  sync() {
    const active = this.root.getRootNode().activeElement
    for (const control of this.root.querySelectorAll('[data-field]')) if (control !== active) this.show(control)
    this.undo.disabled = !this.info.undo; this.redo.disabled = !this.info.redo
    this.busy = !!this.info.busy
    this.root.classList.toggle('ac-busy', this.busy)
    this.cancel.hidden = !this.busy
    for (const b of this.root.querySelectorAll('[data-draws]')) b.disabled = this.busy
    for (const p of this.root.querySelectorAll('.ac-panel')) p.setAttribute('aria-pressed', String(p.dataset.name === this.selected))
    const cast = (this.info.cast || {})[this.selected] || []
    for (const who of this.aside.querySelectorAll('.ac-who')) for (const name of cast) if (![...who.options].some(o => o.value === name)) who.append(h('option', {value: name}, name))
    const hint = this.aside.querySelector('.ac-hint')
    if (hint) { const told = (this.info.hints || {})[this.selected] || ''; if (hint.textContent !== told) hint.textContent = told }
  }
  show(control) {
    const value = this.fields.get(control.dataset.field)
    if (control.type === 'checkbox') { control.checked = !!value; return }
    let text = value === null || value === undefined ? '' : String(value)
    if (control.dataset.or) {
      const or = control.dataset.or
      if (value === null) text = or.startsWith('.') ? '' : String(this.fields.get(or) ?? '')
      control.placeholder = value === null ? control.dataset.auto || '' : 'nothing'
    }
    if (control.tagName === 'SELECT' && text && ![...control.options].some(o => o.value === text)) control.append(h('option', {value: text}, text))
    if (control.value !== text) control.value = text
    if (control.tagName === 'TEXTAREA') this.grow(control)
  }
  grow(area) { area.style.height = 'auto'; area.style.height = `${area.scrollHeight + 2}px` }

  // -- controls; each is bound to a field

  bound(control, name, {number = false} = {}) {
    control.dataset.field = name
    const value = () => control.type === 'checkbox' ? control.checked : number ? (control.value.trim() === '' ? null : /^\d{1,10}$/.test(control.value.trim()) ? Number(control.value) : control.value) : control.value
    const now = control.type === 'checkbox' || control.tagName === 'SELECT'
    control.addEventListener('focus', () => { this.fields.session++ })
    control.addEventListener(now ? 'change' : 'input', () => { now ? this.fields.set(name, value()) : this.fields.type(name, value()); if (control.tagName === 'TEXTAREA') this.grow(control) })
    control.addEventListener('blur', () => { this.fields.flush(); this.show(control) })
    this.show(control)
    return control
  }
  text(name, label, attributes = {}) { return h('label', {class: 'ac-field'}, h('span', {}, attributes.short || label), this.bound(h('textarea', {rows: 1, 'aria-label': label, ...attributes, short: null}), name)) }
  line(name, label, attributes = {}, options) { return h('label', {class: 'ac-field'}, h('span', {}, attributes.short || label), this.bound(h('input', {type: 'text', 'aria-label': label, autocomplete: 'off', ...attributes, short: null}), name, options)) }
  button(label, act, attributes = {}) { return h('button', {type: 'button', onclick: act, ...attributes}, label) }
  act(what, more = {}, buffers = []) { this.send({do: what, ...more}, buffers) }
  choice(label, attributes = {}) { const select = h('select', {'aria-label': label, ...attributes}); return [h('label', {class: 'ac-field ac-short'}, h('span', {}, label), select), select] }

  build() {
    const b = (label, act, attributes) => this.button(label, act, attributes)
    this.undo = b('Undo', () => this.act('undo'), {title: 'Ctrl+Z'}); this.redo = b('Redo', () => this.act('redo'), {title: 'Ctrl+Y'})
    this.cancel = b('Cancel', () => this.act('cancel'), {class: 'ac-warm', hidden: true})
    const [layout, layout_] = this.choice('Layout'), [style, style_] = this.choice('Style'), [model, model_] = this.choice('Model'), [other, other_] = this.choice('Compare with'), [format, format_] = this.choice('Format')
    Object.assign(this, {layout: this.bound(layout_, 'layout'), style: this.bound(style_, 'style'), model_, other: other_, format: format_})
    model_.addEventListener('change', () => { this.act('model', {name: model_.value}); this.model_chosen() })
    this.status = h('div', {role: 'status', 'aria-live': 'polite'}); this.alert = h('div', {role: 'alert', class: 'ac-alert'})
    this.progress = h('progress', {'aria-label': 'progress', hidden: true})
    this.aside = h('aside', {class: 'ac-aside', 'aria-label': 'The panel that is chosen'})
    this.knows = h('p', {class: 'ac-small'})
    this.root.append(
      h('div', {class: 'ac-bar'}, this.line('title', 'Title', {placeholder: 'Title of the strip', class: 'ac-title'}),
        b('Draw all', () => this.act('draw'), {class: 'ac-main-button', 'data-draws': true}), this.cancel, b('Add panel', () => this.act('add'), {}), this.undo, this.redo, layout, style),
      h('div', {class: 'ac-told'}, this.progress, this.status, this.alert),
      h('div', {class: 'ac-desk'}, this.stage.element, this.aside),
      this.files(format), this.scripting(), this.library(), this.drawing(model, other))
  }
  files(format) {
    this.link = h('span', {class: 'ac-link'})
    const upload = h('input', {type: 'file', accept: '.png,.svg,.cbz,.json', 'aria-label': 'Load a strip', onchange: async () => {
      const file = upload.files[0]; upload.value = ''
      if (file) this.act('load', {}, [await file.arrayBuffer()])
    }})
    return h('div', {class: 'ac-bar ac-files'}, format, this.button('Export', () => this.act('export', {format: this.format.value}), {class: 'ac-main-button'}), this.link,
      h('label', {class: 'ac-field ac-file'}, h('span', {}, 'Load a strip'), upload), this.button('Restore', () => this.act('restore'), {title: 'Open what was saved before this page'}))
  }
  scripting() {
    const area = h('textarea', {rows: 4, 'aria-label': 'Script', placeholder: 'FOX: Sand!\n(beach) RABBIT: At last.\n(forest, night) Home.'})
    return h('details', {class: 'ac-more'}, h('summary', {}, 'A script in'),
      h('p', {class: 'ac-small'}, 'One line per panel. NAME: what it says. (where, when) in brackets. Anything else is lettered under the picture.'), area,
      this.button('Make panels', () => this.act('script', {text: area.value})))
  }
  library() {
    this.shelf = h('ul', {class: 'ac-shelf'})
    return h('details', {class: 'ac-more', ontoggle: e => { if (e.target.open) this.act('shelf') }}, h('summary', {}, 'My strips'), this.button('Keep this strip', () => this.act('keep')), this.shelf)
  }
  drawing(model, other) {
    const option = (label, name, placeholder) => h('label', {class: 'ac-field ac-short'}, h('span', {}, label), h('input', {type: 'text', 'aria-label': label, placeholder, autocomplete: 'off', onchange: e => this.act('option', {name, value: e.target.value})}))
    const [language, select] = this.choice('Language')
    const names = new Intl.DisplayNames(['en'], {type: 'language'})
    for (const code of 'en es fr de it pt nl pl cs tr ru uk el ar he fa hi th ja zh ko vi id sw'.split(' ')) select.append(h('option', {value: code}, `${names.of(code)}`))
    this.bound(select, 'language')
    const [font, font_] = this.choice('Lettering font')
    this.font = this.bound(font_, 'font')
    return h('details', {class: 'ac-more'}, h('summary', {}, 'Model, language, font, credits'), h('div', {class: 'ac-bar'}, model, language, font, h('label', {class: 'ac-check'}, this.bound(h('input', {type: 'checkbox', 'aria-label': 'Top to bottom'}), 'vertical'), 'Top to bottom'), this.line('layout', 'Panels in each row', {placeholder: 'such as 2+3+2', class: 'ac-narrowfield'}), option('Guidance scale', 'guidance_scale', "the model's own"), option('Steps', 'num_inference_steps', "the model's own"),
      option('Negative caption', 'negative_caption', 'what to steer away from')), this.knows,
      h('div', {class: 'ac-bar'}, this.line('credits', 'Credits', {'data-or': '.', 'data-auto': 'which model drew it'}), this.button('Automatic credits', () => this.fields.set('credits', null)), this.line('licence', 'Licence', {placeholder: 'such as CC BY 4.0'})),
      h('div', {class: 'ac-bar'}, other, this.button('Compare', () => this.act('compare', {other: this.other.value}), {'data-draws': true})), this.offers = h('div', {class: 'ac-offers'}))
  }
  model_chosen() {
    const chosen = (this.info.models || []).find(o => o.name === this.model_.value)
    this.knows.textContent = chosen ? `${chosen.about}. ${chosen.knows}` : ''
  }

  // -- the panel that is chosen

  number(name) { return this.order.findIndex(o => o[0] === name) + 1 }
  select(name, told = true) {
    if (name === this.selected) return
    this.fields.flush()
    this.selected = name
    this.place = Math.max(0, this.number(name) - 1)
    this.rows.clear(); this.aside.replaceChildren()
    this.controls(); this.sync()
  }
  controls() {
    const name = this.selected, n = this.number(name)
    if (!name) { this.aside.replaceChildren(h('p', {}, 'Add a panel to begin.')); return }
    if (this.aside.dataset.panel !== name || !this.aside.childElementCount) this.panel_controls(name)
    this.aside.dataset.panel = name
    this.aside.querySelector('h3').textContent = `Panel ${n}`
    for (const node of this.aside.querySelectorAll('[data-label]')) node.setAttribute('aria-label', `${node.dataset.label} ${n}`)
    const balloons = (this.order.find(o => o[0] === name) || [0, []])[1], list = this.aside.querySelector('.ac-balloons')
    for (const [key, row] of this.rows) if (!balloons.includes(key)) { row.remove(); this.rows.delete(key) }
    balloons.forEach((key, i) => {
      if (!this.rows.has(key)) { this.rows.set(key, this.balloon_row(key)); list.insertBefore(this.rows.get(key), list.children[i] || null) }
      for (const node of this.rows.get(key).querySelectorAll('[data-label]')) node.setAttribute('aria-label', `${node.dataset.label} ${n}${i ? '.' + (i + 1) : ''}`)
    })
  }
  panel_controls(name) {
    const b = (label, act, attributes = {}) => this.button(label, act, {'data-label': label, ...attributes}), act = (what, more = {}) => () => this.act(what, {panel: name, ...more})
    const file = h('input', {type: 'file', accept: 'image/*', 'data-label': 'Own picture', onchange: () => { const f = file.files[0]; file.value = ''; if (f) this.own(name, f) }})
    this.rows.clear()
    this.aside.replaceChildren(h('h3', {}, 'Panel'),
      h('div', {class: 'ac-group'},
        this.text(`${name}.prompt`, 'Caption', {'data-label': 'Caption', short: 'What is drawn', placeholder: 'a fox in the forest'}), h('p', {class: 'ac-hint ac-small', role: 'status'}), this.words_of(name),
        h('div', {class: 'ac-row'}, b('Draw', act('draw'), {class: 'ac-main-button', 'data-draws': true}), b('Four candidates', act('candidates'), {'data-draws': true}),
          h('label', {class: 'ac-check'}, this.bound(h('input', {type: 'checkbox', 'data-label': 'Keep picture'}), `${name}.locked`), 'Keep picture')),
        h('div', {class: 'ac-candidates'})),
      h('div', {class: 'ac-group'},
        this.text(`${name}.caption`, 'Lettering', {'data-label': 'Lettering', short: 'Words under it', 'data-or': `${name}.prompt`, 'data-auto': 'as above'}),
        h('div', {class: 'ac-row'}, this.button('Same as what is drawn', () => this.fields.set(`${name}.caption`, null), {class: 'ac-quiet'})),
        h('div', {class: 'ac-balloons'}), h('div', {class: 'ac-row'}, b('Add balloon', act('balloon')))),
      h('div', {class: 'ac-group'},
        h('div', {class: 'ac-row'}, h('label', {class: 'ac-button'}, 'Own picture …', file), b('Crop and zoom', e => this.cropping_on(name, e.target), {'aria-pressed': 'false', 'data-label': 'Crop and zoom'}), h('label', {class: 'ac-field ac-short'}, h('span', {}, 'Seed'), this.bound(h('input', {type: 'text', inputmode: 'numeric', placeholder: 'random', 'data-label': 'Seed'}), `${name}.fixed_seed`, {number: true})), this.range(`${name}.share`)),
        h('div', {class: 'ac-row'}, b('◀ Move', () => this.act('move', {panel: name, by: -1}), {'data-label': 'Move left'}), b('Move ▶', () => this.act('move', {panel: name, by: 1}), {'data-label': 'Move right'}), b('Remove', act('remove')),
          b('Good', act('flag', {verdict: 'good'}), {class: 'ac-flag'}), b('Bad', act('flag', {verdict: 'bad'}), {class: 'ac-flag'}))))
  }
  balloon_row(key) {
    const kind = h('select', {'data-label': 'Kind'}, ...(this.info.kinds || ['speech', 'thought', 'shout', 'sound']).map(k => h('option', {value: k}, k)))
    const who = h('select', {'data-label': 'Who says it', class: 'ac-who'}, h('option', {value: ''}, 'nobody named'))
    return h('div', {class: 'ac-balloon-row'}, this.text(`${key}.text`, 'Balloon', {'data-label': 'Balloon', short: 'Balloon', placeholder: 'what is said'}), this.bound(kind, `${key}.kind`), this.bound(who, `${key}.speaker`),
      this.button('Automatic place', () => { this.fields.type(`${key}.at`, null); this.fields.set(`${key}.tail`, null) }, {class: 'ac-quiet', 'data-label': 'Automatic place'}),
      this.button('Remove', () => this.act('unballoon', {balloon: key}), {class: 'ac-quiet', 'data-label': 'Remove balloon'}))
  }
  range(field) {
    const input = h('input', {type: 'range', min: .4, max: 2.5, step: .1, 'data-label': 'Width in its row'})
    input.dataset.field = field
    input.addEventListener('input', () => this.fields.type(field, Number(input.value)))
    input.addEventListener('change', () => this.fields.set(field, Number(input.value)))
    input.addEventListener('focus', () => { this.fields.session++ })
    return h('label', {class: 'ac-field ac-short'}, h('span', {}, 'Width in its row'), input)
  }

  // -- a part of the picture: drag it, turn the wheel, or use + - and the arrows

  cropping_on(name, button) {
    this.cropping = this.cropping === name ? null : name
    button.setAttribute('aria-pressed', String(!!this.cropping))
    this.root.classList.toggle('ac-cropping', !!this.cropping)
    this.fields.session++
    if (this.cropping) { this.stage.nodes.get(name).focus(); this.said({role: 'status', text: 'Drag the picture, turn the wheel to zoom; or use the arrows, + and −. Escape ends it.'}) }
  }
  window_of(name) { // what is shown of the picture, as fractions
    const part = this.stage.boxes.get(name), op = part && part.ops.find(o => typeof o !== 'string')
    if (!op || !op[6]) return null
    const [l, t, r, b] = op[6], [W, H] = [op[7], op[8]]
    return [l / W, t / H, r / W, b / H]
  }
  cropped(name, box) {
    let [l, t, r, b] = box
    const [w, height] = [Math.min(r - l, 1), Math.min(b - t, 1)]
    l = clamp(l, 0, 1 - w); t = clamp(t, 0, 1 - height)
    this.fields.set(`${name}.crop`, [l, t, l + w, t + height].map(v => Math.round(clamp(v, 0, 1) * 10000) / 10000))
  }
  zoom(name, factor, fx = .5, fy = .5) {
    const box = this.window_of(name)
    if (!box) return
    const [l, t, r, b] = box, scale = clamp(factor, .08 / (r - l), Math.min(1 / (r - l), 1 / (b - t))), w = (r - l) * scale, height = (b - t) * scale
    const x = l + fx * (r - l) - fx * w, y = t + fy * (b - t) - fy * height
    this.cropped(name, [x, y, x + w, y + height])
  }
  next_in_row(part) {
    let best = null
    for (const other of this.stage.boxes.values()) {
      const gap = other.box[0] - part.box[0] - part.box[2]
      if (other.kind === 'panel' && other.page === part.page && Math.abs(other.box[1] - part.box[1]) < 2 && Math.abs(other.box[3] - part.box[3]) < 2 && gap > 0 && gap < 40) best = other
    }
    return best
  }

  // actors, places and times to click
  words_of(name) {
    return h('details', {class: 'ac-vocabulary', ontoggle: e => { if (e.target.open) this.act('words') }}, h('summary', {}, 'Who, where, when'), h('div', {class: 'ac-wordlist'}))
  }
  words_came(m, buffers) {
    const list = this.aside.querySelector('.ac-wordlist')
    if (!list) return
    if (!m.groups) { list.replaceChildren(h('p', {class: 'ac-small'}, 'This model takes any words.')); return }
    const url = buffers.length ? URL.createObjectURL(new Blob([buffers[0]], {type: 'image/webp'})) : null, name = this.selected
    let k = -1
    list.replaceChildren(...Object.entries(m.groups).map(([group, words]) => h('div', {role: 'group', 'aria-label': group}, h('b', {}, group), h('div', {class: 'ac-chips'}, words.map(word => {
      k++
      const picture = url && m.drawn.includes(word) ? h('span', {class: 'ac-chip', 'aria-hidden': 'true', style: `background-image:url(${url});background-position:${-(k % 10) * 48}px ${-Math.floor(k / 10) * 48}px`}) : null
      return h('button', {type: 'button', onclick: () => this.act('word', {panel: name, word})}, picture, word)
    })))))
  }
  // candidates for a panel to choose from, or two strips to compare
  offered(m, buffers) {
    const images = m.names.map((name, i) => ({name, image: h('img', {src: URL.createObjectURL(new Blob([buffers[i]], {type: 'image/webp'})), alt: name})}))
    if (!m.panel) { this.offers.replaceChildren(...images.map(o => h('figure', {}, h('figcaption', {}, o.name), o.image))); return }
    if (m.panel !== this.selected) this.select(m.panel)
    this.aside.querySelector('.ac-candidates').replaceChildren(...images.map((o, i) => h('button', {type: 'button', 'aria-label': o.name, 'data-draws': true, onclick: () => this.act('pick', {number: i})}, o.image)))
    this.sync()
  }
  shelved(m) { this.shelf.replaceChildren(...m.names.map(name => h('li', {}, h('span', {}, name), this.button('Open', () => this.act('open', {name}), {'aria-label': `Open ${name}`})))) }

  async own(name, file) {
    try { this.act('picture', {panel: name}, [await reduced(file)]) }
    catch { this.said({role: 'alert', text: `${file.name || 'That'} could not be read as a picture. Use a PNG, JPEG or WebP file.`}) }
  }
  paste(e) {
    const file = [...(e.clipboardData || {}).files || []].find(f => f.type.startsWith('image/'))
    if (file && this.selected) { e.preventDefault(); this.own(this.selected, file) }
  }
  file(m, buffer) {
    const url = URL.createObjectURL(new Blob([buffer], {type: m.mime})), link = h('a', {href: url, download: m.name}, `Download ${m.name} (${Math.floor(buffer.byteLength / 1024) + 1} KB)`)
    if (this.last) URL.revokeObjectURL(this.last)
    this.last = url
    this.link.replaceChildren(link)
  }

  // -- mouse and keyboard on the strip itself

  words(part) { // for a screen reader
    const n = this.number(part.name), f = name => String(this.fields.get(name) ?? '')
    if (part.kind === 'panel') return `Panel ${n} of ${this.order.length}: ${cut(f(`${part.name}.prompt`)) || 'nothing to draw yet'}`
    if (part.kind === 'balloon') return `${f(`${part.name}.kind`)} balloon: ${cut(f(`${part.name}.text`)) || 'empty'}`
    if (part.kind === 'caption') return `Lettering of panel ${this.number(part.panel)}: ${cut(f(`${part.panel}.caption`) || f(`${part.panel}.prompt`))}`
    return `Title: ${cut(f('title'))}`
  }
  hands(kind, name) {
    if (kind === 'credits') return {}
    const part = () => this.stage.boxes.get(name), chosen = () => part().kind === 'panel' ? name : part().panel
    return {
      onpointerdown: e => this.grab(e, part()),
      onclick: e => { e.stopPropagation(); if (chosen()) this.select(chosen()) },
      ondblclick: e => { e.stopPropagation(); this.edit(part()) },
      onkeydown: e => this.piece_key(e, part()),
      ...(kind === 'panel' ? {onwheel: e => {
        if (this.cropping !== name) return
        e.preventDefault(); e.stopPropagation()
        const [x, y] = this.stage.at(name, e), [px, py, w, height] = part().picture
        this.zoom(name, e.deltaY > 0 ? 1.12 : 1 / 1.12, (x - px) / w, (y - py) / height)
      }} : {}),
      ...(kind === 'panel' ? {
        ondragover: e => { e.preventDefault(); e.stopPropagation() },
        ondrop: e => { e.preventDefault(); e.stopPropagation(); const file = e.dataTransfer.files[0]; if (file) { this.select(name); this.own(name, file) } }} : {})}
  }
  key(e) {
    e.stopPropagation()
    const typing = /^(TEXTAREA|INPUT|SELECT)$/.test(e.target.tagName)
    if ((e.ctrlKey || e.metaKey) && !typing) {
      const k = e.key.toLowerCase()
      if (k === 'z' || k === 'y') { e.preventDefault(); this.act(k === 'y' || e.shiftKey ? 'redo' : 'undo') }
    }
  }
  piece_key(e, part) {
    if (this.cropping && this.cropping === part.name) {
      const box = this.window_of(part.name), by = {ArrowLeft: [-.03, 0], ArrowRight: [.03, 0], ArrowUp: [0, -.03], ArrowDown: [0, .03]}[e.key]
      if (e.key === 'Escape') { e.preventDefault(); this.cropping_on(part.name, this.aside.querySelector('[data-label="Crop and zoom"]')); return }
      if (e.key === '+' || e.key === '-') { e.preventDefault(); this.zoom(part.name, e.key === '-' ? 1.12 : 1 / 1.12); return }
      if (by && box) { e.preventDefault(); this.cropped(part.name, [box[0] + by[0], box[1] + by[1], box[2] + by[0], box[3] + by[1]]); return }
    }
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[e.key]
    if (e.key === 'Enter' || e.key === ' ' || e.key === 'F2') {
      e.preventDefault(); e.stopPropagation()
      if (part.kind === 'panel') { this.select(part.name); const area = this.aside.querySelector('textarea'); if (area) area.focus() } else this.edit(part)
    } else if (step && part.kind === 'panel') {
      e.preventDefault(); e.stopPropagation()
      const n = this.number(part.name) - 1, by = step[0] || step[1]
      if (e.altKey) this.act('move', {panel: part.name, by})
      else { const next = this.order[n + by]; if (next) { this.select(next[0]); this.stage.nodes.get(next[0]).focus() } }
    } else if (step && part.kind === 'balloon') {
      e.preventDefault(); e.stopPropagation()
      const [x, y] = e.shiftKey ? part.tip || part.centre : part.centre
      this.place_of(part, e.shiftKey ? 'tail' : 'at', [x + 6 * step[0], y + 6 * step[1]])
    } else if (e.key === 'Delete' && part.kind !== 'heading') {
      e.preventDefault(); e.stopPropagation()
      if (part.kind === 'balloon') this.act('unballoon', {balloon: part.name})
      if (part.kind === 'panel') this.act('remove', {panel: part.name})
    }
  }
  // a point of the page as fractions of the panel's picture
  place_of(part, field, [px, py]) {
    const [x, y, w, height] = this.stage.boxes.get(part.panel).picture, round = v => Math.round(v * 1000) / 1000
    this.fields.set(`${part.name}.${field}`, [round(clamp((px - x) / w, -.2, 1.2)), round(clamp((py - y) / height, -.2, 1.2))])
  }
  grab(e, part) {
    if (e.button || this.drag) return
    e.stopPropagation()
    const tip = e.target.dataset && e.target.dataset.tip, edge = e.target.dataset && e.target.dataset.edge, start = this.stage.at(part.name, e), g = this.stage.nodes.get(part.name)
    this.fields.session++
    this.drag = {part, tip, edge, crop: this.cropping === part.name && this.window_of(part.name), shares: edge && this.shares(part), start, g, moved: false, from: tip ? part.tip : part.centre || start, at: null}
    const move = event => this.dragged(event), up = event => { for (const [kind, f] of [['pointermove', move], ['pointerup', up], ['pointercancel', up]]) window.removeEventListener(kind, f); this.dropped(event) }
    window.addEventListener('pointermove', move); window.addEventListener('pointerup', up); window.addEventListener('pointercancel', up)
  }
  dragged(e) {
    const d = this.drag, [x, y] = this.stage.at(d.part.name, e), dx = x - d.start[0], dy = y - d.start[1]
    if (!d.moved && Math.hypot(dx, dy) < 4) return
    d.moved = true
    e.preventDefault()
    d.at = [d.from[0] + dx, d.from[1] + dy]
    d.g.classList.add('ac-dragged')
    if (d.part.kind === 'balloon') { this.follow(); this.hold() }
    else if (d.edge) this.follow_edge(dx)
    else if (d.crop) this.follow_crop(dx, dy)
    else if (d.part.kind === 'panel') { d.g.style.transform = `translate(${dx}px, ${dy}px)`; this.target(x, y) }
  }
  // the balloon is under the pointer at once; the kernel lays it out again, one message at a time
  follow() {
    const d = this.drag, name = `${d.part.name}.${d.tip ? 'tail' : 'at'}`
    if (this.fields.typed.has(name) && this.fields.typed.get(name).sent) return
    this.place_of(d.part, d.tip ? 'tail' : 'at', d.at)
    d.sent = d.at
  }
  waits(name) { return this.fields.typed.has(name) && this.fields.typed.get(name).sent }
  shares(part) {
    const other = this.next_in_row(part), f = name => Number(this.fields.get(`${name}.share`)) || 1
    return {one: part.name, two: other.name, a: f(part.name), b: f(other.name), per: f(part.name) / part.box[2]}
  }
  follow_edge(dx) {
    const {one, two, a, b, per} = this.drag.shares, by = clamp(dx * per, .15 - a, b - .15), round = v => Math.round(v * 1000) / 1000
    if (this.waits(`${one}.share`)) return
    this.fields.type(`${one}.share`, round(a + by)); this.fields.set(`${two}.share`, round(b - by))
  }
  follow_crop(dx, dy) {
    const d = this.drag, [l, t, r, b] = d.crop, [, , w, height] = d.part.picture, x = dx / w * (r - l), y = dy / height * (b - t)
    if (!this.waits(`${d.part.name}.crop`)) this.cropped(d.part.name, [l - x, t - y, r - x, b - y])
  }
  hold() {
    const d = this.drag
    if (!d || !d.moved || d.part.kind !== 'balloon') return
    const now = this.stage.boxes.get(d.part.name)
    if (!now) return
    d.g.classList.add('ac-dragged')
    if (d.sent !== d.at) this.follow()
    if (d.tip) { const dot = d.g.querySelector('.ac-tip'); if (dot) { dot.setAttribute('cx', d.at[0]); dot.setAttribute('cy', d.at[1]) } }
    else {
      const ahead = d.sent !== d.at || this.fields.typed.has(`${d.part.name}.at`), words = this.stage.nodes.get(`${d.part.name}.words`)
      for (const g of [d.g, words]) if (g) g.style.transform = ahead ? `translate(${d.at[0] - now.centre[0]}px, ${d.at[1] - now.centre[1]}px)` : ''
    }
  }
  target(x, y) {
    const d = this.drag
    let best = null, far = Infinity
    for (const [name] of this.order) {
      const box = this.stage.boxes.get(name)
      if (!box || this.stage.nodes.get(name).ownerSVGElement !== d.g.ownerSVGElement) continue
      const away = Math.hypot(box.box[0] + box.box[2] / 2 - x, box.box[1] + box.box[3] / 2 - y)
      if (away < far) { far = away; best = name }
    }
    d.to = best
    for (const p of this.root.querySelectorAll('.ac-panel')) p.classList.toggle('ac-target', p.dataset.name === best && best !== d.part.name)
  }
  dropped(e) {
    const d = this.drag
    this.drag = null
    d.g.classList.remove('ac-dragged')
    if (!d.moved) return
    addEventListener('click', e => { e.stopPropagation(); e.preventDefault() }, {capture: true, once: true})
    setTimeout(() => dispatchEvent(new Event('click')), 0) // where no click follows, the line above must not eat the next one
    if (d.part.kind === 'balloon') { this.place_of(d.part, d.tip ? 'tail' : 'at', d.at); this.select(d.part.panel) }
    else if (d.edge) { const [x] = this.stage.at(d.part.name, e); this.fields.typed.delete(`${d.shares.one}.share`); this.fields.typed.delete(`${d.shares.two}.share`); this.follow_edge(x - d.start[0]) }
    else if (d.crop) { const [x, y] = this.stage.at(d.part.name, e); this.fields.typed.delete(`${d.part.name}.crop`); this.follow_crop(x - d.start[0], y - d.start[1]) }
    else if (d.part.kind === 'panel') {
      d.g.style.transform = ''
      for (const p of this.root.querySelectorAll('.ac-target')) p.classList.remove('ac-target')
      if (d.to && d.to !== d.part.name) this.act('move', {panel: d.part.name, to: this.number(d.to) - 1})
    }
  }

  // -- lettering is edited where it stands

  edit(part) {
    if (part.kind === 'panel') { const caption = this.stage.boxes.get(`${part.name}.caption`), area = this.aside.querySelector('[data-label=Lettering]'); if (caption) this.edit(caption); else if (area) area.focus(); return }
    const field = part.kind === 'heading' ? 'title' : part.kind === 'caption' ? `${part.panel}.caption` : `${part.name}.text`
    if (part.panel) this.select(part.panel)
    const svg = this.stage.nodes.get(part.name).ownerSVGElement.getBoundingClientRect(), home = this.stage.element.getBoundingClientRect()
    const scale = svg.width / this.stage.nodes.get(part.name).ownerSVGElement.viewBox.baseVal.width, [x, y, w, height] = part.box
    const area = this.bound(h('textarea', {class: 'ac-inline', 'aria-label': part.kind === 'balloon' ? 'Words of the balloon' : part.kind === 'caption' ? 'Words under the picture' : 'Title on the strip', ...(part.kind === 'caption' ? {'data-or': `${part.panel}.prompt`} : {})}), field)
    const wide = Math.max(w * scale, 110)
    Object.assign(area.style, {left: `${svg.left - home.left + (x + w / 2) * scale - wide / 2}px`, top: `${svg.top - home.top + y * scale - 3}px`, width: `${wide}px`, minHeight: `${height * scale + 6}px`, fontSize: `${Math.max(13, part.size * scale)}px`})
    const back = this.stage.nodes.get(part.name)
    area.addEventListener('keydown', e => { if (e.key === 'Escape' || (e.key === 'Enter' && !e.shiftKey && !e.isComposing)) { e.preventDefault(); area.blur(); if (back.isConnected) back.focus({preventScroll: true}) } })
    area.addEventListener('blur', () => area.remove())
    this.stage.element.append(area)
    area.focus(); area.select(); this.grow(area)
  }
}

export default {
  render({model, el}) {
    const editor = new Editor(model, el)
    return () => editor.close()
  },
}
