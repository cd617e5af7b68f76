"""Remove a torchvision that cannot be imported beside this torch (a CPU build of torch and PyPI's torchvision, for one).

autocomics never imports torchvision, but transformers, peft and diffusers do where it is installed, and then fail with it."""
import importlib.util, subprocess, sys

if importlib.util.find_spec('torchvision'):
    works = subprocess.run([sys.executable, '-c', 'import torchvision'], capture_output=True).returncode == 0
    if not works:
        print('Removing torchvision: it cannot be imported beside this torch, and nothing here needs it.')
        subprocess.run([sys.executable, '-m', 'pip', 'uninstall', '--quiet', '--yes', 'torchvision'], check=True)
