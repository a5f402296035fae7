#!/usr/bin/env python3
"""Generates C++ structs and their runtime tables from src/api/schema/*.fields.

    schema_gen.py --out DIR FILE.fields...

writes DIR/api/gen/<stem>.h and <stem>.cc for each file, and kinds.cc with the list of all kinds.
A file is rewritten only when its text changes, so nothing is compiled again without need.

The format, one statement a line, `#` starts a comment line:

    group core version v1                      once, first; `core` is the empty group
    kind Pod resources=pods singular=pod short=po,pp scope=Namespaced categories=all subresources=status,log
    type Pod | What it means to a user.
      metadata  1 ObjectMeta           | What it means to a user.
      ports     6 []ContainerPort map(containerPort,protocol) merge(containerPort) | ...

A kind without `resources=` is only ever a request or response body (Status, DeleteOptions).
Kind options: resources singular short scope(Namespaced|Cluster) categories subresources verbs name stored.
Two versions of a group may have types of one name. The C++ types are told apart, `name=` says what the API calls them:

    kind EventV1 name=Event stored=Event resources=events ...
    type EventV1 name=Event | What it means to a user.

A type that server-side apply takes as one value, wherever it stands, says so:

    type LabelSelector atomic | What it means to a user.

`stored=` names the kind as whose objects those of this version are stored (api/version.h).
Field: JSON name, protobuf number (0: no protobuf form), type, flags.
Types: string bool int32 int64 double bytes Time MicroTime Quantity IntOrString RawJson, a type name,
[]T, map[string]T, *T.
Flags: inline (a struct whose members JSON shows in its place) required written (in JSON even when it is zero, as required
members, structs and times are) omitzero (not in JSON when it is zero, though it is a struct or a time) immutable atomic set
map(keys) granular merge merge(key) replace retainKeys default(x) enum(a,b): the values that a string, or the strings of a
list or map, may have.
"""

import argparse
import hashlib
import os
import re
import sys
from dataclasses import dataclass, field

SCALARS = {
    "string": ("std::string", "kString"),
    "bool": ("bool", "kBool"),
    "int32": ("std::int32_t", "kInt32"),
    "int64": ("std::int64_t", "kInt64"),
    "double": ("double", "kDouble"),
    "bytes": ("std::string", "kBytes"),
    "Time": ("Time", "kTime"),
    "MicroTime": ("MicroTime", "kMicroTime"),
    "Quantity": ("Quantity", "kQuantity"),
    "IntOrString": ("IntOrString", "kIntOrString"),
    "RawJson": ("RawJson", "kRawJson"),
}
INITIALISERS = {"bool": " = false", "int32": " = 0", "int64": " = 0", "double": " = 0"}

# C++ keywords, and names that the C library defines as macros.
RESERVED = set(
    """alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept
    const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default
    delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline
    int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public
    register reinterpret_cast requires return short signed sizeof static static_assert static_cast struct
    switch template this thread_local throw true try typedef typeid typename union unsigned using virtual
    void volatile wchar_t while xor xor_eq stdin stdout stderr errno assert major minor""".split()
)

ALL_VERBS = "create delete deletecollection get list patch update watch".split()
KIND_OPTIONS = "resources singular short scope categories subresources verbs name stored".split()


class SchemaError(Exception):
    pass


@dataclass
class Field:
    name: str
    number: int
    type: str
    doc: str
    where: str
    flags: set = field(default_factory=set)
    list_keys: list = field(default_factory=list)
    merge_key: str = ""
    default: str = ""
    enum: list = field(default_factory=list)


@dataclass
class Type:
    name: str
    api_name: str
    doc: str
    where: str
    stem: str
    atomic: bool = False
    fields: list = field(default_factory=list)


@dataclass
class Kind:
    name: str
    where: str
    options: dict

    @property
    def api_name(self):
        return self.options.get("name", self.name)


@dataclass
class Schema:
    stem: str
    group: str = ""
    version: str = ""
    kinds: list = field(default_factory=list)
    types: list = field(default_factory=list)


def snake_case(name):
    """restartPolicy -> restart_policy, clusterIPs -> cluster_ips, fieldsV1 -> fields_v1."""
    name = re.sub(r"([A-Z]{2,})s(?=$|[A-Z])", lambda m: m.group(1).capitalize() + "s", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()
    return name + "_" if name in RESERVED else name


def split_type(text):
    """`[]Pod` -> ("list", "Pod"); `Pod` -> ("", "Pod")."""
    for prefix, shape in (("[]", "list"), ("map[string]", "map"), ("*", "pointer")):
        if text.startswith(prefix):
            return shape, text[len(prefix) :]
    return "", text


def leaf_type(text):
    while True:
        shape, text = split_type(text)
        if not shape:
            return text


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


FLAG = re.compile(r"(\w+)(?:\(((?:[^()\"]|\"[^\"]*\")*)\))?(?:\s+|$)")


def parse_field(line, where):
    head, _, doc = line.partition(" | ")
    parts = head.split(None, 3)
    if len(parts) < 3:
        raise SchemaError(f"{where}: a field needs a name, a number and a type")
    if not parts[1].isdigit():
        raise SchemaError(f"{where}: bad protobuf number {parts[1]}")
    result = Field(parts[0], int(parts[1]), parts[2], doc.strip(), where)
    rest = parts[3].strip() if len(parts) > 3 else ""
    while rest:
        match = FLAG.match(rest)
        if not match:
            raise SchemaError(f"{where}: cannot read flags at '{rest}'")
        apply_flag(result, match.group(1), match.group(2))
        rest = rest[match.end() :]
    return result


def apply_flag(target, flag, argument):
    if flag == "default" and argument is not None:
        target.default = argument.strip()
    elif flag == "enum" and argument:
        target.enum = [value.strip() for value in argument.split(",")]
    elif flag == "map" and argument:
        target.list_keys = [key.strip() for key in argument.split(",")]
        target.flags.add("map")
    elif flag == "merge":
        target.merge_key = (argument or "").strip()
        target.flags.add("merge")
    elif flag in ("inline", "required", "immutable", "atomic", "set", "granular", "replace", "retainKeys", "written", "omitzero") and argument is None:
        target.flags.add(flag)
    else:
        raise SchemaError(f"{target.where}: unknown flag {flag}")


def parse_kind(words, where):
    options = {}
    for word in words[2:]:
        key, eq, value = word.partition("=")
        if not eq or key not in KIND_OPTIONS:
            raise SchemaError(f"{where}: unknown kind option {word}")
        options[key] = value
    if options.get("scope", "Namespaced") not in ("Namespaced", "Cluster"):
        raise SchemaError(f"{where}: scope is Namespaced or Cluster")
    return Kind(words[1], where, options)


def parse_type(words, doc, where, stem):
    result = Type(words[1], words[1], doc, where, stem)
    for word in words[2:]:
        if word.startswith("name="):
            result.api_name = word.removeprefix("name=")
        elif word == "atomic":
            result.atomic = True
        else:
            raise SchemaError(f"{where}: a type has a name and perhaps name= and atomic")
    return result


def parse_file(path):
    schema = Schema(os.path.splitext(os.path.basename(path))[0])
    current = None
    with open(path, encoding="utf-8") as file:
        for number, raw in enumerate(file, 1):
            line, where = raw.strip(), f"{path}:{number}"
            words = line.split()
            if not line or line.startswith("#"):
                continue
            if raw[0] in " \t":
                if current is None:
                    raise SchemaError(f"{where}: a field outside of a type")
                current.fields.append(parse_field(line, where))
            elif words[0] == "group" and len(words) == 4 and words[2] == "version":
                schema.group = "" if words[1] == "core" else words[1]
                schema.version = words[3]
            elif words[0] == "kind" and len(words) > 1:
                schema.kinds.append(parse_kind(words, where))
            elif words[0] == "type" and len(words) > 1:
                head, _, doc = line.partition(" | ")
                current = parse_type(head.split(), doc.strip(), where, schema.stem)
                schema.types.append(current)
            else:
                raise SchemaError(f"{where}: expected group, kind, type or an indented field")
    if not schema.version:
        raise SchemaError(f"{path}: no group line")
    return schema


@dataclass
class Flat:
    """A member as JSON shows it: one of the type's own, or one of an inline member. `outer` is the protobuf number of that
    inline member, and 256 times the number of the inline member within it in which this one is."""

    field: Field
    offset: str
    outer: int


def flattened(item, types):
    result = []
    for f in item.fields:
        offset = f"offsetof({item.name}, {snake_case(f.name)})"
        if "inline" not in f.flags:
            result.append(Flat(f, offset, 0))
            continue
        for inner in flattened(types[f.type], types):
            result.append(Flat(inner.field, f"{offset} + {inner.offset}", f.number + 256 * inner.outer))
    return result


def inline_depth(item, types):
    return max((1 + inline_depth(types[f.type], types) for f in item.fields if "inline" in f.flags), default=0)


def check(schemas):
    types = {}
    for schema in schemas:
        for item in schema.types:
            if item.name in types or item.name in SCALARS:
                raise SchemaError(f"{item.where}: {item.name} is defined twice")
            types[item.name] = item
    stored = {kind.name for schema in schemas for kind in schema.kinds if "stored" not in kind.options}
    for schema in schemas:
        for kind in schema.kinds:
            if kind.name not in types or types[kind.name].stem != schema.stem:
                raise SchemaError(f"{kind.where}: no type {kind.name} in this file")
            if kind.options.get("stored", kind.name) not in stored | {kind.name}:
                raise SchemaError(f"{kind.where}: no kind {kind.options['stored']} that is stored itself")
        for item in schema.types:
            check_fields(item, types)
    return types


def check_fields(item, types):
    numbers, members = set(), set()
    for f in item.fields:
        if snake_case(f.name) in members:
            raise SchemaError(f"{f.where}: {item.name}.{f.name} is defined twice")
        if f.number and f.number in numbers:
            raise SchemaError(f"{f.where}: protobuf number {f.number} is used twice in {item.name}")
        members.add(snake_case(f.name))
        numbers.add(f.number)
        leaf = leaf_type(f.type)
        if leaf not in SCALARS and leaf not in types:
            raise SchemaError(f"{f.where}: unknown type {leaf}")
        if "inline" in f.flags and (f.type not in types or f.number > 255 or inline_depth(types[f.type], types) > 1):
            raise SchemaError(f"{f.where}: inline needs a struct, a number below 256, and at most one more level of inline members")
        if f.enum and leaf != "string":
            raise SchemaError(f"{f.where}: enum on {f.type}")
        shape, element = split_type(f.type)
        if shape != "list" and f.flags & {"set", "map"}:
            raise SchemaError(f"{f.where}: list flags on {f.type}")
        keys = f.list_keys + ([f.merge_key] if f.merge_key else [])
        if keys and element in types:
            known = {flat.field.name for flat in flattened(types[element], types)}
            for key in keys:
                if key not in known:
                    raise SchemaError(f"{f.where}: {element} has no key {key}")
    names = [flat.field.name for flat in flattened(item, types)]
    if len(set(names)) != len(names):
        raise SchemaError(f"{item.where}: {item.name} has two members of one JSON name")


def cpp_type(text):
    shape, element = split_type(text)
    if shape == "list":
        return f"std::vector<{cpp_type(element)}>"
    if shape == "map":
        return f"std::map<std::string, {cpp_type(element)}>"
    if shape == "pointer":
        return f"{'std::optional' if element in SCALARS else 'Box'}<{cpp_type(element)}>"
    return SCALARS[text][0] if text in SCALARS else text


def ordered(schema):
    """Types of one file, each after those it holds by value."""
    own = {item.name: item for item in schema.types}
    done, result = {}, []

    def visit(item):
        if done.get(item.name) == "open":
            raise SchemaError(f"{item.where}: {item.name} contains itself; use * or []")
        if item.name in done:
            return
        done[item.name] = "open"
        for f in item.fields:
            if f.type in own:
                visit(own[f.type])
        done[item.name] = "closed"
        result.append(item)

    for item in schema.types:
        visit(item)
    return result


def emit_header(schema, types):
    used = {leaf_type(f.type) for item in schema.types for f in item.fields}
    includes = sorted({types[name].stem for name in used if name in types} - {schema.stem})
    std = ["cstdint"]
    text = " ".join(cpp_type(f.type) for item in schema.types for f in item.fields)
    std += [name for name in ("map", "optional", "string", "vector") if f"std::{name}" in text]
    own = ["api/kind.h", "api/schema.h"]
    own += [h for t, h in (("Box<", "api/box.h"), ("Quantity", "api/quantity.h"), ("IntOrString", "api/int_or_string.h"),
                           ("Time", "api/time.h"), ("RawJson", "api/raw_json.h")) if t in text]
    out = [f"// Generated by tools/schema_gen.py from {schema.stem}.fields.", "#pragma once", ""]
    out += [f"#include <{name}>" for name in sorted(std)] + [""]
    out += [f'#include "{name}"' for name in sorted(own)]
    out += [f'#include "api/gen/{stem}.h"' for stem in includes]
    out += ["", "namespace insula::api {", ""]
    out += [f"struct {item.name};" for item in schema.types] + [""]
    for item in ordered(schema):
        out += [f"/// {item.doc}"] if item.doc else []
        out.append(f"struct {item.name} {{")
        for f in item.fields:
            out += [f"  /// {f.doc}"] if f.doc else []
            out.append(f"  {cpp_type(f.type)} {snake_case(f.name)}{INITIALISERS.get(f.type, '')};")
        out += ["", f"  bool operator==(const {item.name}&) const;", "};", ""]
    for item in schema.types:
        out += ["template <>", f"const TypeInfo& type_of<{item.name}>();"]
    for kind in schema.kinds:
        out += ["template <>", f"const Kind& kind_of<{kind.name}>();"]
    return "\n".join(out + ["", "}  // namespace insula::api", ""])


class Tables:
    """Collects the value descriptions one generated .cc needs, each written once."""

    def __init__(self):
        self.values = {}
        self.out = []

    def value(self, text):
        if text in self.values:
            return self.values[text]
        shape, element = split_type(text)
        if not shape and text in SCALARS:
            return f"kScalar{SCALARS[text][1][1:]}"
        inner = self.value(element) if shape else ""
        name = f"kValue{len(self.values)}"
        if not shape:
            body = f"{{ValueKind::kStruct, &kType{text}, nullptr, nullptr}}"
        else:
            ops = {"list": "kListOps", "map": "kMapOps", "pointer": "kPointerOps"}[shape]
            body = f"{{ValueKind::k{shape.capitalize()}, nullptr, &{inner}, &{ops}<{cpp_type(text)}>}}"
        self.out.append(f"constexpr ValueInfo {name}{body};")
        self.values[text] = name
        return name


def field_flags(f):
    names = {"required": "kRequired", "immutable": "kImmutable", "merge": "kPatchMerge", "retainKeys": "kPatchRetainKeys",
             "replace": "kPatchReplace", "written": "kWritten", "omitzero": "kOmitZero"}
    flags = [names[flag] for flag in names if flag in f.flags]
    return " | ".join(flags) if flags else "0"


def list_type(f):
    for flag, name in (("atomic", "kAtomic"), ("set", "kSet"), ("map", "kMap"), ("granular", "kGranular")):
        if flag in f.flags:
            return f"ListType::{name}"
    return "ListType::kNone"


def emit_type_table(item, tables, types):
    rows = []
    flats = flattened(item, types)
    for flat in flats:
        f = flat.field
        rows.append(
            f"    {{{quoted(f.name)}, {quoted(f.doc)}, {quoted(f.default)}, {quoted(f.merge_key)}, "
            f"{quoted(','.join(f.list_keys))}, {quoted(','.join(f.enum))}, &{tables.value(f.type)}, "
            f"{flat.offset}, {flat.outer}, {f.number}, {field_flags(f)}, {list_type(f)}}},"
        )
    order = sorted(range(len(flats)), key=lambda i: flats[i].field.name)
    lines = []
    if rows:
        lines += [f"constexpr FieldInfo kFields{item.name}[] = {{", *rows, "};"]
        lines.append(f"constexpr std::uint16_t kOrder{item.name}[] = {{{', '.join(map(str, order))}}};")
        order = sorted(range(len(flats)), key=lambda i: (flats[i].outer, flats[i].field.number))
        lines.append(f"constexpr std::uint16_t kNumbers{item.name}[] = {{{', '.join(map(str, order))}}};")
    return lines


def openapi_package(schema):
    if schema.stem == "meta_v1":
        return "io.k8s.apimachinery.pkg.apis.meta.v1"
    # What is a custom resource elsewhere has its group's name.
    is_custom = not schema.group.endswith(".k8s.io") or schema.group == "gateway.networking.k8s.io"
    if "." in schema.group and is_custom:
        return ".".join(reversed(schema.group.split("."))) + "." + schema.version
    return f"io.k8s.api.{(schema.group or 'core').split('.')[0]}.{schema.version}"


def emit_kind(schema, kind):
    o = kind.options
    lists = {}
    lines = []
    for key, default in (("short", ""), ("categories", ""), ("subresources", ""), ("verbs", ",".join(ALL_VERBS))):
        values = [v for v in o.get(key, default).split(",") if v]
        lists[key] = "{}"
        if values and "resources" in o:
            lists[key] = f"k{key.capitalize()}{kind.name}"
            lines.append(f"constexpr std::string_view {lists[key]}[] = {{{', '.join(map(quoted, values))}}};")
    plural = o.get("resources", "")
    singular = o.get("singular", kind.api_name.lower() if plural else "")
    namespaced = "true" if o.get("scope", "Namespaced") == "Namespaced" else "false"
    has_metadata = any(f.type == "ObjectMeta" for item in schema.types if item.name == kind.name for f in item.fields)
    metadata = f"offsetof({kind.name}, metadata)" if has_metadata else "kNoMetadata"
    stored = f"&kKind{o['stored']}" if "stored" in o else "nullptr"
    lines.append(
        f"constexpr Kind kKind{kind.name}{{{quoted(schema.group)}, {quoted(schema.version)}, {quoted(kind.api_name)}, {quoted(plural)}, "
        f"{quoted(singular)}, {lists['short']}, {lists['categories']}, {lists['subresources']}, {lists['verbs']}, "
        f"{namespaced}, kType{kind.name}, {metadata}, {stored}}};"
    )
    return lines


def boxed_types(schemas):
    """Names of the structs that some field of any file holds in a Box."""
    shapes = [split_type(f.type) for schema in schemas for item in schema.types for f in item.fields]
    return {element for shape, element in shapes if shape == "pointer" and element not in SCALARS}


def emit_source(schema, types, boxed):
    tables = Tables()
    names = {item.name for item in schema.types}
    used = {leaf_type(f.type) for item in schema.types for f in item.fields if leaf_type(f.type) in types}
    rows = {item.name: emit_type_table(item, tables, types) for item in schema.types}
    out = [f"// Generated by tools/schema_gen.py from {schema.stem}.fields.", f'#include "api/gen/{schema.stem}.h"', "",
           "#include <cstddef>", "", '#include "api/box_members.h"', '#include "api/gen/registry.h"', '#include "api/schema_tables.h"', "",
           "#pragma GCC diagnostic ignored \"-Winvalid-offsetof\"", "", "namespace insula::api {", ""]
    out += [f"bool {item.name}::operator==(const {item.name}&) const = default;" for item in schema.types]
    out += [""] + [f"template class Box<{item.name}>;" for item in schema.types if item.name in boxed]
    out += ["", "namespace gen {", ""]
    out += [f"extern const TypeInfo kType{name};" for name in sorted(used | names)]
    out += ["", "namespace {", "", *tables.out, ""]
    for item in schema.types:
        out += rows[item.name]
    for item in schema.types:
        out.append(f"constexpr TypeOps kOps{item.name} = type_ops<{item.name}>();")
    out += ["", "}  // namespace", ""]
    package = quoted(openapi_package(schema))
    kinds = {kind.name for kind in schema.kinds}
    for item in schema.types:
        kind = f"&kKind{item.name}" if item.name in kinds else "nullptr"
        names = [f"k{table}{item.name}" if item.fields else "{}" for table in ("Fields", "Order", "Numbers")]
        out.append(f"constexpr TypeInfo kType{item.name}{{{quoted(item.api_name)}, {package}, {quoted(item.doc)}, {', '.join(names)}, kOps{item.name}, {kind}}};")
    for kind in schema.kinds:
        out += ["namespace {", *emit_kind(schema, kind)[:-1], "}  // namespace", emit_kind(schema, kind)[-1]]
    out += ["", "}  // namespace gen", ""]
    for item in schema.types:
        out += ["template <>", f"const TypeInfo& type_of<{item.name}>() {{ return gen::kType{item.name}; }}"]
    for kind in schema.kinds:
        out += ["template <>", f"const Kind& kind_of<{kind.name}>() {{ return gen::kKind{kind.name}; }}"]
    return "\n".join(out + ["", "}  // namespace insula::api", ""])


def emit_registry_header(schemas):
    out = ["// Generated by tools/schema_gen.py.", "#pragma once", "", '#include "api/kind.h"', "", "namespace insula::api::gen {", ""]
    for schema in schemas:
        out += [f"extern const Kind kKind{kind.name};" for kind in schema.kinds]
    return "\n".join(out + ["", "}  // namespace insula::api::gen", ""])


def emit_kinds(schemas, digest):
    served = [k for s in schemas for k in s.kinds if "resources" in k.options]
    bodies = [k for s in schemas for k in s.kinds if "resources" not in k.options]
    atomic = [t.name for s in schemas for t in s.types if t.atomic]
    out = ["// Generated by tools/schema_gen.py.", '#include "api/atomic_types.h"', '#include "api/gen/registry.h"',
           '#include "api/schema_tables.h"', "", "namespace insula::api::gen {", ""]
    out += [f"extern const TypeInfo kType{name};" for name in atomic]
    out += ["", "namespace {", "", "constexpr const TypeInfo* kAtomic[] = {", *[f"    &kType{name}," for name in atomic], "};"]
    stored = [k for k in served if "stored" not in k.options and "get" in k.options.get("verbs", ",".join(ALL_VERBS)).split(",")]
    for name, kinds in (("kServed", served), ("kStored", stored), ("kAll", served + bodies)):
        out += [f"constexpr const Kind* {name}[] = {{"] + [f"    &kKind{k.name}," for k in kinds] + ["};"]
    out += ["", "}  // namespace", "", "std::span<const Kind* const> served_kinds() { return kServed; }",
            "std::span<const Kind* const> stored_kinds() { return kStored; }",
            "std::span<const Kind* const> all_kinds() { return kAll; }",
            f"std::string_view schema_digest() {{ return {quoted(digest)}; }}", "", "}  // namespace insula::api::gen", "",
            "std::span<const insula::api::TypeInfo* const> insula::api::atomic_types() {", "  return insula::api::gen::kAtomic;", "}", ""]
    return "\n".join(out)


def digest_of(paths):
    digest = hashlib.sha256()
    for path in sorted(paths):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:32].upper()


def write_if_changed(path, text):
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    folder = os.path.join(options.out, "api", "gen")
    os.makedirs(folder, exist_ok=True)
    try:
        schemas = [parse_file(path) for path in sorted(options.files)]
        types = check(schemas)
        boxed = boxed_types(schemas)
        outputs = {"registry.h": emit_registry_header(schemas), "kinds.cc": emit_kinds(schemas, digest_of(options.files))}
        for schema in schemas:
            outputs[f"{schema.stem}.h"] = emit_header(schema, types)
            outputs[f"{schema.stem}.cc"] = emit_source(schema, types, boxed)
    except SchemaError as error:
        sys.exit(str(error))
    for name, text in outputs.items():
        write_if_changed(os.path.join(folder, name), text)


if __name__ == "__main__":
    main()
