# Reads the whole simulator with fhirpy, validates each resource with fhir.resources (R4B), tells what it counted.
import json, sys
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.practitioner import Practitioner
from fhir.resources.R4B.practitionerrole import PractitionerRole
from fhir.resources.R4B.organization import Organization

base, key = sys.argv[1:]
client = SyncFHIRClient(base, extra_headers={"ESANTE-API-KEY": key})
told, boxes, family = {}, set(), None
for kind in (Practitioner, PractitionerRole, Organization):
    name = kind.__name__
    found = client.resources(name).limit(37).fetch_all()
    told[name] = len({one["id"] for one in found})
    for one in found:
        raw = one.serialize()
        kind.model_validate(raw)
        family = family or (raw.get("name", [{}])[0].get("family") if name == "Practitioner" else None)
        for contact in raw.get("telecom", []):
            marks = [e.get("valueCoding", {}).get("code") for e in contact.get("extension", [])]
            if "MSSANTE" in marks:
                boxes.add(contact["value"].lower())
told["mailboxes"] = len(boxes)
told["by_name"] = client.resources("Practitioner").search(family=family).fetch_raw().get("entry", []).__len__()
page = client.execute("Practitioner", method="get", params={"_count": 5, "_revinclude": "PractitionerRole:practitioner"})
Bundle.model_validate(page)
try:
    client.resources("Practitioner").search(_summary="count").fetch_raw()
except BaseFHIRError:
    told["refused"] = 1
print(json.dumps(told))
