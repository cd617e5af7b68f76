"Reads the requirement lists from settings.ini; everything else is in pyproject.toml"
import shlex
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup

cfg = ConfigParser(delimiters=['='])
cfg.read(Path(__file__).parent/'settings.ini', encoding='utf-8')
reqs = {k: shlex.split(v) for k,v in cfg['DEFAULT'].items() if k.endswith('requirements')}
setup(install_requires=reqs.pop('requirements'),
      extras_require={k.removesuffix('_requirements'): v for k,v in reqs.items()})
