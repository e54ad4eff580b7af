#!/usr/bin/python3
"""What mail(1) is on a router whose relay wants a login over TLS: mail -s SUBJECT ADDRESS < TEXT"""
import os
import smtplib
import ssl
import sys
from email.message import EmailMessage

message = EmailMessage()
message["From"], message["To"], message["Subject"] = "router@example.net", sys.argv[3], sys.argv[2]
message.set_content(sys.stdin.read())
trusted = os.path.join(os.path.dirname(os.path.realpath(__file__)), "certificate.pem")
with smtplib.SMTP("127.0.0.1", 2525) as relay:
    relay.starttls(context=ssl.create_default_context(cafile=trusted))
    relay.login("router", "secret42")
    relay.send_message(message)
