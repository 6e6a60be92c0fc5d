"""CURVE: the own key pair, and the sender's public key."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import zmq
import zmq.auth

from .errors import Error

SECRET_FILE = "framewire.key_secret"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a connecting side needs; each key is 40 characters of Z85."""

    public: bytes
    secret: bytes
    server: bytes

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Set a socket up, before it connects."""
        socket.curve_publickey = self.public
        socket.curve_secretkey = self.secret
        socket.curve_serverkey = self.server


def load(folder: str | os.PathLike[str] | None, server_key: str | os.PathLike[str] | None) -> Keys | None:
    """The keys of a folder made by `framewire keygen`, and a sender's public key (40 characters, or a file with it).

    None if neither is given. Raises Error where one is missing, is no key, or may be read by others.
    """
    if folder is None and server_key is None:
        return None
    if folder is None:
        raise Error("server_key is given without keys: a folder with a key pair of our own (framewire keygen DIR)")
    if server_key is None:
        raise Error("keys is given without server_key: the sender's public key, or the file that it is in")
    if not zmq.has("curve"):
        raise Error("this libzmq has no CURVE; keys cannot be used with it")
    path = Path(folder) / SECRET_FILE
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise Error(f"{path}: {error.strerror}; framewire keygen {folder} makes a key pair") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Error(f"{path}: others may read this secret key; chmod 600 {path}")
    public, secret = _certificate(path)
    if secret is None:
        raise Error(f"{path}: no secret key is in it")
    return Keys(public, secret, _server_key(server_key))


def _server_key(given: str | os.PathLike[str]) -> bytes:
    text = os.fspath(given)
    if len(text) == 40 and not os.path.exists(text):
        key = text.encode("ascii", "replace")
        _check(key, "server_key")
        return key
    return _certificate(Path(text))[0]


def _certificate(path: Path) -> tuple[bytes, bytes | None]:
    try:
        public, secret = zmq.auth.load_certificate(path)
    except OSError as error:
        why = error.strerror or "there is no such file"
        raise Error(f"{path}: {why}; a certificate or 40 characters of Z85 are wanted") from None
    except ValueError:
        raise Error(f"{path}: no public key is in it") from None
    for key in (public, secret):
        if key is not None:
            _check(key, str(path))
    return public, secret


def _check(key: bytes, where: str) -> None:
    try:
        if len(zmq.utils.z85.decode(key)) == 32:
            return
    except (ValueError, KeyError, IndexError, zmq.ZMQError):
        pass
    raise Error(f"{where}: not a CURVE key, which is 40 characters of Z85")
