# SPDX-License-Identifier: Apache-2.0
"""Whether a rendered document is what the Kubernetes API takes: field names and types.

With PLIMSOLL_KUBERNETES_SCHEMAS, a folder, it is judged by what is published:
    swagger.json    api/openapi-spec/swagger.json of kubernetes/kubernetes, also kubernetes/swagger.json.unprocessed of
                    kubernetes-client/python
    *.yaml          CustomResourceDefinitions of prometheus-operator (example/prometheus-operator-crd, also manifests/setup of
                    kube-prometheus)
Unknown fields are errors, as with `kubectl apply --validate=strict`. Without the folder names alone are compared with a
small table of our own, fields.py, which is what the chart may use and no more than that.
"""

import functools
import json
import os
import pathlib

import yaml

import fields


def folder():
    named = os.environ.get("PLIMSOLL_KUBERNETES_SCHEMAS")
    return pathlib.Path(named) if named else None


def strict(schema):
    """The same schema, in which an object has no fields but those it names, in words that JSON Schema knows."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    result = {}
    for key, value in schema.items():
        if key == "properties":  # a property may be called "properties"
            result[key] = {name: strict(part) for name, part in value.items()}
        elif key not in ("format", "default", "example", "description"):
            result[key] = strict(value)
    free = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in result and not free:
        result["additionalProperties"] = False
    return result


@functools.cache
def definitions():
    with open(folder() / "swagger.json", encoding="utf-8") as file:
        found = {name: strict(schema) for name, schema in json.load(file)["definitions"].items()}
    for name in list(found):
        if name.endswith(".Quantity"):
            found[name] = {"type": ["string", "number"]}
    return found


@functools.cache
def kinds():
    """{(apiVersion, kind): schema} of all that is published in the folder."""
    with open(folder() / "swagger.json", encoding="utf-8") as file:
        names = {name: schema.get("x-kubernetes-group-version-kind", [])
                 for name, schema in json.load(file)["definitions"].items()}
    found = {("/".join(filter(None, (one["group"], one["version"]))), one["kind"]): definitions()[name]
             for name, ones in names.items() for one in ones}
    metadata = {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
    for path in sorted(folder().glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())["spec"]
        for version in crd["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = metadata
            found[f"{crd['group']}/{version['name']}", crd["names"]["kind"]] = schema
    return found


def published_problems(document):
    import jsonschema  # only needed with the folder
    schema = kinds().get((document["apiVersion"], document["kind"]))
    if schema is None:
        return [f"{document['apiVersion']} {document['kind']} is not published"]
    validator = jsonschema.Draft7Validator({**schema, "definitions": definitions()})
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in validator.iter_errors(document)]


def problems(document):
    """What the API would refuse of the document, a line each."""
    return published_problems(document) if folder() else fields.problems(document)
