"""The one part of the package that is compiled. Where Cython or a C compiler is missing, it is left out."""

from setuptools import Extension, setup

try:
    from Cython.Build import cythonize
except ImportError:
    modules = []
else:
    lane = Extension("framewire._lane", ["python/framewire/_lane.pyx"], extra_compile_args=["-g0"], optional=True)
    modules = cythonize([lane], build_dir="build/cython", quiet=True)

setup(ext_modules=modules)
