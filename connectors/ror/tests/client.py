# A consumer of the ROR that we did not write: requests asks for a token and an export as the guide of the ANS does,
# fhirpy searches page by page, fhir.resources (R4B) validates every resource. Tells what it counted.
import base64, json, sys, time
import requests
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError
from fhir.resources.R4B import get_fhir_model_class

fhir, token_url = sys.argv[1:]
granted = requests.post(token_url, data={"grant_type": "client_credentials", "client_id": "essai"}, timeout=30).json()
token = granted["access_token"]
claims = token.split(".")[1]
assert json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"] > 0
headers = {
    "Ror-Profil-Utilisateur-Code": "CU22", "Ror-Profil-Utilisateur-System": "1.2.250.1.213.1.6.1.66",
    "Ror-Role-Metier-Code": "AUTOMATE", "Ror-Role-Metier-System": "1.2.250.1.213.1.1.4.6",
}
bearer = {**headers, "Accept": "application/json", "Authorization": "Bearer " + token}


def validate(resource):
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


kicked = requests.get(fhir + "/$export?_outputFormat=application/fhir+json&_type=HealthcareService", headers=bearer, timeout=30)
assert kicked.status_code in (200, 202), kicked.text
state = requests.get(kicked.headers["Content-Location"], headers=bearer, timeout=30)
while state.status_code == 202:
    time.sleep(float(state.headers["Retry-After"]))
    state = requests.get(kicked.headers["Content-Location"], headers=bearer, timeout=30)
told = {"files": len(state.json()["output"])}
for output in state.json()["output"]:
    bundle = requests.get(output["url"], headers=bearer, timeout=30).json()
    validate(bundle)
    for entry in bundle["entry"]:
        kind = entry["resource"]["resourceType"]
        told[kind] = told.get(kind, 0) + 1

client = SyncFHIRClient(fhir, authorization="Bearer " + token, extra_headers=headers)
found = client.resources("HealthcareService").limit(90).fetch_all()
told["searched"] = len({one["id"] for one in found})
for one in found:
    validate(one.serialize())
page = client.resources("HealthcareService").search(specialty="031").include("HealthcareService", "location").fetch_raw()
validate(page.serialize() if hasattr(page, "serialize") else page)
told["of_activity"] = len(page["entry"])
try:
    client.resources("HealthcareService").search(inconnu="x").fetch()
except BaseFHIRError:
    told["refused"] = 1
print(json.dumps(told))
