"""ClientHellos of TLS 1.3 with an external pre-shared key (RFC 8446), and of strangers that have less, byte by byte."""
import hashlib
import hmac
import os
import struct

CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"


def token_bytes(words):
    """The 16 bytes of a token's words (docs/p2v.md)."""
    out = b""
    for word in words.split("-")[:8]:
        v = 0
        for i, c in enumerate(word):
            v = v << (2 if i % 2 else 4) | (VOWELS if i % 2 else CONSONANTS).index(c)
        out += struct.pack(">H", v)
    return out


def token_words(token):
    """The other way."""
    numbers = list(struct.unpack(">8H", token)) + [struct.unpack(">H", hashlib.sha256(token).digest()[:2])[0]]
    return "-".join(CONSONANTS[n >> 12] + VOWELS[n >> 10 & 3] + CONSONANTS[n >> 6 & 15] + VOWELS[n >> 4 & 3] + CONSONANTS[n & 15]
                    for n in numbers)


def key_of(token):
    return hashlib.sha256(b"rehost p2v key 1\0" + token).digest()


def identity_of(token):
    return hashlib.sha256(b"rehost p2v identity 1\0" + token).digest()[:8].hex().encode()


def _hmac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def _expand(secret, label, context):
    label = b"tls13 " + label
    return _hmac(secret, struct.pack(">H", 32) + bytes([len(label)]) + label + bytes([len(context)]) + context + b"\1")


def _binder(key, hello):
    early = _hmac(bytes(32), key)
    finished = _expand(_expand(early, b"ext binder", hashlib.sha256().digest()), b"finished", b"")
    return _hmac(finished, hashlib.sha256(hello).digest())


def _extension(kind, body):
    return struct.pack(">HH", kind, len(body)) + body


def _list16(body):
    return struct.pack(">H", len(body)) + body


def hello(identity=None, key=bytes(32), versions=(0x0304,), alpn=b"rehost-p2v/1", modes=b"\1", group=0x001d, share=None,
          random=None):
    """One record. Without an identity there is no pre-shared key in it; without versions it is TLS 1.2's."""
    share = os.urandom(32) if share is None else share
    extensions = _extension(10, _list16(struct.pack(">H", group))) + _extension(13, _list16(struct.pack(">3H", 0x0403, 0x0804, 0x0401)))
    if alpn:
        extensions += _extension(16, _list16(bytes([len(alpn)]) + alpn))
    if versions:
        extensions += _extension(43, bytes([2 * len(versions)]) + b"".join(struct.pack(">H", v) for v in versions))
    extensions += _extension(51, _list16(struct.pack(">H", group) + _list16(share)))
    if modes:
        extensions += _extension(45, bytes([len(modes)]) + modes)
    ciphers = struct.pack(">4H", 0x1301, 0x1303, 0xc02f, 0x009c)
    start = b"\x03\x03" + (os.urandom(32) if random is None else random) + b"\0" + _list16(ciphers) + b"\1\0"
    offered = b""
    if identity is not None:
        ids = _list16(_list16(identity) + bytes(4))
        offered = struct.pack(">HH", 41, len(ids) + 35) + ids
    total = len(extensions) + len(offered) + (35 if offered else 0)
    body = start + struct.pack(">H", total) + extensions + offered
    message = b"\1" + (len(body) + (35 if offered else 0)).to_bytes(3, "big") + body
    if offered:
        message += struct.pack(">HB", 33, 32) + _binder(key, message)
    return b"\x16\x03\x01" + _list16(message)
