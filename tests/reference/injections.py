"""Injected noise in NumPy: what a draw from U(low, high) and standard normals become."""

# Of settings, the uniform draw and the normal ones.
DATA = {
    "targets": lambda noise, uniform, normal: uniform * normal,
    "features": lambda noise, uniform, normal: noise.scale * normal,
}
WEIGHTS = {"normal": lambda noise, uniform, normal: noise.scale * normal}
RATE = {"uniform": lambda noise, uniform, normal: uniform}
