# SPDX-License-Identifier: Apache-2.0
"""A bill of materials in SPDX 2.3 (JSON): https://spdx.github.io/spdx-spec/v2.3/. What it says comes from bom.py."""
import datetime
import hashlib
import json
import pathlib
import re

from . import archive, debian, elf

NAMESPACE = "https://plimsoll.invalid/spdx"  # a name, not a place: documents are told apart by their contents


def identifier(kind, text):
    """"SPDXRef-Kind-text", of the characters that one may have; a different text gives a different identifier."""
    plain = re.sub(r"[^A-Za-z0-9.-]", "-", text)
    mark = "" if plain == text else "-" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"SPDXRef-{kind}-{plain}{mark}"


def digests(path):
    data = pathlib.Path(path).read_bytes()
    return [{"algorithm": name, "checksumValue": hashlib.new(name, data).hexdigest()} for name in ("SHA1", "SHA256")]


class Document:
    def __init__(self, name, time):
        self.created = datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.name = name
        self.packages, self.files, self.relations, self.texts = {}, {}, set(), {}

    def relate(self, one, kind, other, comment=""):
        self.relations.add((one, kind, other, comment))

    # --- packages ---

    def add_own_package(self, name, version):
        which = identifier("Package", name)
        self.packages[which] = {
            "SPDXID": which, "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
            "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
            "primaryPackagePurpose": "APPLICATION", "filesAnalyzed": True,
            "externalRefs": [_purl(f"pkg:generic/{name}@{version}")]}
        self.relate("SPDXRef-DOCUMENT", "DESCRIBES", which)
        return which

    def add_debian_package(self, name):
        """Its identifier; once for each name."""
        which = identifier("Package", name)
        if which in self.packages:
            return which
        found = debian.package(name)
        self.packages[which] = self._foreign(which, name, found.version, debian.licence(found), found.copyright_file)
        self.packages[which] |= {
            "supplier": "Organization: Debian", "sourceInfo": f"built from source package {found.source} {found.source_version}",
            "externalRefs": [_purl(f"pkg:deb/debian/{name}@{_escape(found.version)}?arch={found.architecture}")]}
        if found.homepage:
            self.packages[which]["homepage"] = found.homepage
        return which

    def add_source_package(self, name, version, copyright_file):
        """One that is compiled from Debian's source package."""
        which = identifier("Package", name)
        licence = debian.main_licence(copyright_file.read_text(errors="replace"))
        self.packages[which] = self._foreign(which, name, version, licence, copyright_file)
        self.packages[which] |= {"supplier": "Organization: Debian", "primaryPackagePurpose": "SOURCE",
                                 "externalRefs": [_purl(f"pkg:deb/debian/{name}@{_escape(version)}?arch=source")]}
        return which

    def _foreign(self, which, name, version, licence, copyright_file):
        return {"SPDXID": which, "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
                "licenseDeclared": licence or self._licence_text(name, copyright_file), "copyrightText": "NOASSERTION",
                "licenseComments": "licenseDeclared is that of most of its source; the whole is in its copyright file"}

    def _licence_text(self, name, copyright_file):
        """A reference to the copyright file's own words."""
        reference = identifier("x", f"debian-{name}").replace("SPDXRef-x-", "LicenseRef-")
        self.texts[reference] = copyright_file.read_text(errors="replace")
        return reference

    # --- files ---

    def add_file(self, root, path, container, own=True):
        """A file of the tree `root`, contained in the package `container`."""
        which = identifier("File", path)
        real = pathlib.Path(root, path)
        licence = "Apache-2.0" if own else "NOASSERTION"
        self.files[which] = {
            "SPDXID": which, "fileName": f"./{path}", "checksums": digests(real), "copyrightText": "NOASSERTION",
            "licenseConcluded": licence, "licenseInfoInFiles": [licence],
            "fileTypes": ["BINARY" if elf.is_elf(real) else "TEXT" if _is_text(real) else "OTHER"]}
        self.relate(container, "CONTAINS", which)
        return which

    def _verification(self, package):
        """SPDX 7.9: one SHA1 for all files of a package."""
        contained = {other for one, kind, other, _ in self.relations if one == package and kind == "CONTAINS"}
        sums = sorted(file["checksums"][0]["checksumValue"] for which, file in self.files.items() if which in contained)
        return hashlib.sha1("".join(sums).encode()).hexdigest()

    # --- the whole ---

    def text(self, own_package, own_path=None):
        """JSON, sorted. `own_path`: where in the tree it will be, which no document can have the sum of."""
        code = {"packageVerificationCodeValue": self._verification(own_package)}
        if own_path:
            code["packageVerificationCodeExcludedFiles"] = [f"./{own_path}"]
        self.packages[own_package]["packageVerificationCode"] = code
        content = {
            "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": self.name,
            "creationInfo": {"created": self.created, "creators": ["Tool: plimsoll-packaging"]},
            "packages": [self.packages[which] for which in sorted(self.packages)],
            "files": [self.files[which] for which in sorted(self.files)],
            "relationships": [
                {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other} | ({"comment": comment} if comment else {})
                for one, kind, other, comment in sorted(self.relations)]}
        if self.texts:
            content["hasExtractedLicensingInfos"] = [
                {"licenseId": reference, "extractedText": text, "name": f"copyright file of {reference[18:]}"}
                for reference, text in sorted(self.texts.items())]
        mark = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        content["documentNamespace"] = f"{NAMESPACE}/{self.name}-{mark}"
        return json.dumps(content, indent=1) + "\n"


def _purl(locator):
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}


def _escape(version):
    return "".join(c if c.isalnum() or c in ".-_~" else f"%{ord(c):02X}" for c in version)


def _is_text(path):
    data = path.read_bytes()[:4096]
    return b"\0" not in data


def write(document, own_package, root, path):
    """Puts the document at `path` of the tree `root`, which has everything else by now."""
    target = pathlib.Path(root, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(document.text(own_package, path))
    return archive.files_below(root)
