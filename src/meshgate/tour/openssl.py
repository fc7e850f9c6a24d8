"""Certificates of the tour, as commands of openssl.

A certificate of an authority is made in two commands, for a request and for its signature; names are in it as subject
and as alternative name.
"""

from __future__ import annotations

from meshgate.tour.scenario import Step, step

_REQUEST = "openssl req -newkey rsa:2048 -nodes -sha256"


def authority(file: str, subject: str) -> Step:
    """`FILE.crt` and `FILE.key`: an authority that signs itself."""
    made = f"{_REQUEST} -x509 -days 365 -subj '{subject}' -keyout {file}.key -out {file}.crt"
    return step(f"{made} 2>/dev/null", undo=f"rm -f {file}.crt {file}.key")


def certificate(file: str, by: str, name: str, organization: str = "tour") -> Step:
    """`FILE.crt` and `FILE.key` for a name, signed by the authority `by`."""
    request = f"{_REQUEST} -subj '/CN={name}/O={organization}' -keyout {file}.key -out {file}.csr 2>/dev/null"
    names = f"<(printf 'subjectAltName=DNS:{name}')"
    signed = (
        f"openssl x509 -req -sha256 -days 365 -CA {by}.crt -CAkey {by}.key -set_serial 0x$(openssl rand -hex 8) "
        f"-in {file}.csr -out {file}.crt -extfile {names} 2>/dev/null"
    )
    return step(f"{request} && {signed}", undo=f"rm -f {file}.crt {file}.key {file}.csr")
