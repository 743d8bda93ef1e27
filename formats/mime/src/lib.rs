//! MIME mails of MSSanté: writing and reading.
