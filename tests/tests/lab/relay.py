"""A mail relay that asks for a login over TLS: relay.py starttls|tls CERTIFICATE KEY FILE

It listens on port 2525 of the loopback and appends each mail to FILE, as a line of JSON.
"""
import email
import json
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

security, certificate, key, file = sys.argv[1:]


class Keep:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content)
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": mail["subject"],
            "text": mail.get_payload(decode=True).decode(),
        }
        with open(file, "a") as lines:
            lines.write(json.dumps(kept) + "\n")
        return "250 taken"


def login(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"router", b"secret42")
    return AuthResult(success=known, handled=known)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
over_tls = {
    "starttls": {"tls_context": context, "require_starttls": True, "auth_require_tls": True},
    "tls": {"ssl_context": context, "auth_require_tls": False},
}[security]
Controller(Keep(), hostname="127.0.0.1", port=2525, authenticator=login, auth_required=True, **over_tls).start()
open(file, "a").close()  # says that it listens
while True:
    time.sleep(60)
