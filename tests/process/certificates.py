"""Certificates for tests, made by the `openssl` command in a folder of the test.

    authority = Authority(folder)
    pair = authority.issue("node")          # pair.cert, pair.key: paths
    context = authority.client(pair)        # an ssl.SSLContext that trusts the authority
"""

import os
import ssl
import subprocess
from typing import NamedTuple

HERE = "IP:127.0.0.1,DNS:localhost"


class Pair(NamedTuple):
    cert: str
    key: str


def _openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(words)}: {done.stderr}")


class Authority:
    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.name = name
        self.count = 0
        self.cert = os.path.join(folder, f"{name}.pem")
        self.key = os.path.join(folder, f"{name}.key")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", self.key, "-out", self.cert, "-subj", f"/CN={name}", "-days", "30",
                 "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, subject, names=HERE, until=None):
        """Valid for 30 days, or ended at `until`, as 20260101000000Z."""
        self.count += 1
        base = os.path.join(self.folder, f"{self.name}-{self.count}-{subject}")
        pair = Pair(base + ".pem", base + ".key")
        request = base + ".csr"
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 pair.key, "-out", request, "-subj", f"/CN={subject}",
                 *(("-addext", f"subjectAltName={names}") if names else ()))
        if until is None:
            _openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
                     "-copy_extensions", "copyall", "-days", "30", "-out", pair.cert)
        else:
            self._issue_until(request, pair, until)
        return pair

    def _issue_until(self, request, pair, until):
        """Only `openssl ca` gives certificates that have ended already."""
        database = os.path.join(self.folder, f"{self.name}-database")
        open(database, "w").close()
        settings = database + ".conf"
        with open(settings, "w") as file:
            file.write(f"[ca]\ndefault_ca=it\n[it]\ndatabase={database}\nnew_certs_dir={self.folder}\n"
                       "default_md=sha256\npolicy=any\ncopy_extensions=copyall\nunique_subject=no\n"
                       "rand_serial=yes\n[any]\ncommonName=supplied\n")
        _openssl("ca", "-batch", "-notext", "-config", settings, "-cert", self.cert, "-keyfile", self.key,
                 "-in", request, "-out", pair.cert, "-startdate", "20200101000000Z", "-enddate", until)

    def client(self, pair=None):
        """For a client that trusts this authority, and shows a certificate."""
        context = ssl.create_default_context(cafile=self.cert)
        if pair is not None:
            context.load_cert_chain(pair.cert, pair.key)
        return context
