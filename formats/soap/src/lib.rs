//! SOAP 1.2, WS-Addressing, MTOM, VIHF and XML signature.
