"""Alerts by mail, through an SMTP server."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import yagmail

from crony_ops.alerts.credentials import kept_back, look_up, reference, told
from crony_ops.alerts.legible import prepared
from crony_ops.alerts.letter import letter_of, subject_of, texts_of
from crony_ops.alerts.message import Undelivered
from crony_ops.alerts.settings import is_address
from crony_ops.alerts.templates import text_templates
from crony_ops.alerts.trust import authorities, tls_fault
from crony_ops.probe import ask_apart

if TYPE_CHECKING:
    from crony_ops.alerts.message import Message
    from crony_ops.alerts.settings import MailSettings

MAX_REPLY = 8192
"""Bytes of one reply that are read, however many lines it has."""
_PORTS = {"starttls": 587, "implicit": 465, "none": 25}


class MailChannel:
    def __init__(self, name: str, settings: MailSettings, timezone: str) -> None:
        self.name = name
        self._settings = settings
        self._timezone = timezone
        self._password = reference(settings.password, settings.password_file)
        self._templates = text_templates(settings.templates)

    async def send(self, message: Message) -> str:
        message = prepared(message)
        recipients = recipients_of(message, self._settings)
        texts = texts_of(message, self._timezone, self._templates)
        letter = letter_of(message, self._settings, recipients, texts, datetime.now(UTC))
        secrets = await look_up((self._password,))
        attempt = _Attempt(self._settings, secrets.put_in(self._password), recipients)
        written = letter.as_bytes()
        with kept_back((secrets.redaction,)):
            try:
                async with asyncio.timeout(self._settings.timeout):
                    # The same question while an earlier attempt is still under way: it is not sent
                    # beside it.
                    said = await ask_apart((self, message.key), lambda: attempt.carry(written))
            except TimeoutError:
                reason = f"no answer of {self._settings.host} within {self._settings.timeout:g} s"
                raise Undelivered(reason=reason, permanent=False) from None
            except (smtplib.SMTPException, OSError, UnicodeError) as error:
                raise refusal(error) from None
            finally:
                attempt.break_off()
        if ignored := [address for address in message.to if not is_address(address)]:
            said = f"{said}; no mail address: {', '.join(ignored)}"
        return told(said, (secrets.redaction,))

    def preview(self, message: Message) -> str:
        message = prepared(message)
        plain, html = texts_of(message, self._timezone, self._templates)
        headers = (
            f"From: {self._settings.sender}",
            f"To: {', '.join(recipients_of(message, self._settings))}",
            f"Subject: {subject_of(message)}",
        )
        return "\n".join((*headers, "", plain, "", html))


class _Attempt:
    """One mail on its way, in a thread that may block."""

    def __init__(self, settings: MailSettings, password: str, recipients: tuple[str, ...]) -> None:
        self._settings = settings
        self._password = password
        self._recipients = recipients
        self.connection: smtplib.SMTP | None = None
        self.answer = ""
        self.over = False

    def carry(self, letter: bytes) -> str:
        """What the server said in the end. Raises SMTPException, OSError, UnicodeError and
        Undelivered."""
        client = _Client(self, self._settings, self._password)
        try:
            client.log_in()
            refused = client.smtp.sendmail(self._settings.sender, self._recipients, letter)
            # It has been taken: whatever happens now is no failure.
            with contextlib.suppress(smtplib.SMTPException, OSError, Undelivered):
                client.smtp.quit()
        finally:
            client.is_closed = True
            if self.connection is not None:
                self.connection.close()
        return f"{self.answer}; refused: {_who(refused)}" if refused else self.answer

    def break_off(self) -> None:
        """Ends the thread soon, whatever it waits for, without a mail that nobody asks for any
        more. Does no harm once it has ended."""
        self.over = True
        sock = self.connection and self.connection.sock
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                # Of a TLS socket, too, only the connection: its state is the thread's.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Client(yagmail.SMTP):  # type: ignore[misc]
    """yagmail connects and logs in. The letter is made by `letter_of`: yagmail's would have HTML
    for its plain part, and attach a file that a text happens to name. It is sent without yagmail's
    retries, which may repeat a mail that was taken."""

    def __init__(self, attempt: _Attempt, settings: MailSettings, password: str) -> None:
        self._attempt = attempt
        context = authorities(settings.ca_file)
        implicit = settings.tls == "implicit"
        super().__init__(
            {settings.user or "": settings.sender},
            password,
            host=settings.host,
            port=settings.port or _PORTS[settings.tls],
            smtp_ssl=implicit,
            smtp_starttls={"context": context} if settings.tls == "starttls" else False,
            smtp_skip_login=settings.user is None,
            soft_email_validation=False,
            timeout=settings.timeout,
            **({"context": context} if implicit else {}),
        )

    def log_in(self) -> None:
        """Connect, greet and log in. A refusal, whatever its code, is of the server or of the
        settings, not of the mail: both are mended, and then it goes. Raises as ``carry``."""
        try:
            self.login()
            self.smtp.ehlo_or_helo_if_needed()
        except smtplib.SMTPResponseException as error:
            raise Undelivered(reason=_answer(error), permanent=False) from None

    @property
    def connection(self) -> type[smtplib.SMTP]:
        attempt = self._attempt
        kind: type[smtplib.SMTP] = super().connection

        class Connection(kind):  # type: ignore[misc, valid-type]
            """Known to the attempt before it connects; it keeps what the server says at the end."""

            file: _Replies | None = None

            def __init__(self, *arguments: Any, **named: Any) -> None:
                attempt.connection = self
                super().__init__(*arguments, **named)

            def getreply(self) -> tuple[int, bytes]:
                if self.file is None:
                    self.file = _Replies(self.sock.makefile("rb"))
                self.file.left = MAX_REPLY
                said: tuple[int, bytes] = super().getreply()
                return said

            def data(self, msg: Any) -> tuple[int, bytes]:
                if attempt.over:
                    raise smtplib.SMTPServerDisconnected("given up")
                code, said = super().data(msg)
                attempt.answer = f"{code} {_text(said)}"
                return code, said

        return Connection


class _Replies:
    """What comes over a connection, ``left`` bytes of it at most: smtplib would read the lines of a
    reply without end, and takes one that is too long for a refusal for good."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = 0

    def readline(self, most: int) -> bytes:
        """Raises OSError and Undelivered."""
        line = self._file.readline(most)
        self.left -= len(line)
        if self.left < 0:
            raise Undelivered(reason="an answer of the server has no end", permanent=False)
        return line

    def close(self) -> None:
        self._file.close()


def recipients_of(message: Message, settings: MailSettings) -> tuple[str, ...]:
    """The channel's own and the message's, each once. Raises Undelivered if nobody is left."""
    found = tuple(dict.fromkeys((*settings.to, *filter(is_address, message.to))))
    if not found:
        reason = "nobody to send it to: neither the channel nor the alert names an address"
        raise Undelivered(reason=reason, permanent=True)
    return found


def refusal(error: smtplib.SMTPException | OSError | UnicodeError) -> Undelivered:
    """What the server, the network or a library had against it."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            permanent = all(_for_good(code) for code, _ in refused.values())
            return Undelivered(reason=f"refused: {_who(refused)}", permanent=permanent)
        case smtplib.SMTPResponseException(smtp_code=code):
            return Undelivered(reason=_answer(error), permanent=_for_good(code))
        case smtplib.SMTPServerDisconnected():
            reason = "the server closed the connection"
        case ssl.SSLCertVerificationError():
            reason = f"the server's certificate is not trusted: {tls_fault(error)}"
        case ssl.SSLError():
            reason = f"no TLS: {tls_fault(error)}"
        case UnicodeError():
            reason = "the host, the name or the password is of a kind that can't be sent"
        case OSError() if error.strerror:
            reason = error.strerror
        case _:
            reason = str(error) or type(error).__name__
    return Undelivered(reason=reason, permanent=False)


def _for_good(code: int) -> bool:
    return 500 <= code < 600


def _who(refused: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{who} ({code} {_text(said)})" for who, (code, said) in refused.items())


def _answer(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
