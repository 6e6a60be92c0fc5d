"""The one part of the package that is compiled. Where what it takes is missing, or a C compiler, it is left out."""

from setuptools import Extension, setup

try:
    import numpy
    from Cython.Build import cythonize
except ImportError:
    modules = []
else:
    include = [numpy.get_include()]
    define = [("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")]
    source = ["python/framewire/_lane.pyx"]
    beside = [f"python/framewire/{name}.pxd" for name in ("_known", "_msgpack", "_packets")]
    lane = Extension(
        "framewire._lane", source, include, define, depends=beside, extra_compile_args=["-g0"], optional=True
    )
    modules = cythonize([lane], build_dir="build/cython", quiet=True)

setup(ext_modules=modules)
