"""Framewire beside other ways to get frames from one process to another: ./dev bench peers [--quick]."""
