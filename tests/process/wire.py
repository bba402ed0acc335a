"""A connection that speaks RESP2, or RESP3 after HELLO 3, for tests: words out, values in.

Strings come as bytes, integers as int, null as None, arrays as lists, maps as dicts, pushes as Push; an
error inside an array stays in its place, any other is raised. What breaks a connection is OSError (a
time-out included) or EOFError.
"""

import socket


class ErrorReply(Exception):
    def kind(self):
        return str(self).split(" ")[0]


class Push(list):
    """What came unasked."""


class Connection:
    def __init__(self, host, port, timeout, tls=None):
        """With `tls`, an ssl.SSLContext, over TLS."""
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self.stream = self.socket.makefile("rb")

    def set_timeout(self, seconds):
        self.socket.settimeout(seconds)

    def close(self):
        self.stream.close()
        self.socket.close()

    def call(self, *words):
        self.send(*words)
        return self.receive()

    def send(self, *words):
        command = [b"*%d\r\n" % len(words)]
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            command.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(command))

    def receive(self):
        value = self._value()
        if isinstance(value, ErrorReply):
            raise value
        return value

    def _line(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the connection was closed")
        return line[:-2]

    def _value(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return ErrorReply(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$" and int(rest) >= 0:
            data = self.stream.read(int(rest) + 2)
            if len(data) != int(rest) + 2:
                raise EOFError("the connection was closed")
            return data[:-2]
        if kind == b"*" and int(rest) >= 0:
            return [self._value() for _ in range(int(rest))]
        if kind == b">":
            return Push(self._value() for _ in range(int(rest)))
        if kind == b"%":
            return dict((self._value(), self._value()) for _ in range(int(rest)))
        if line in (b"$-1", b"*-1", b"_"):
            return None
        raise ValueError(f"neither RESP2 nor what tests need of RESP3: {line!r}")
