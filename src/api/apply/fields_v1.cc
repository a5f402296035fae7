#include <utility>
#include <vector>

#include "api/apply/field_set.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {

namespace {

constexpr std::string_view kSelf = ".";

void write(const FieldSet& set, bool root, std::string& out) {
  out += '{';
  // A path that leads nowhere else needs no mark that it is in the set.
  if (set.is_member() && (root || !set.children().empty())) out += "\".\":{}";
  for (const FieldSet::Child& child : set.children()) {
    if (out.back() != '{') out += ',';
    json::append_string(out, child.at.fields_v1());
    out += ':';
    write(child.below, false, out);
  }
  out += '}';
}

Result<FieldSet> read(const json::Value& value, bool root) {
  const json::Object* object = value.as_object();
  if (object == nullptr) return fail(ErrorCode::kBadRequest, "fieldsV1: expected an object");
  if (object->empty() && !root) return FieldSet::leaf();
  bool member = false;
  std::vector<FieldSet::Child> children;
  for (const auto& [name, below] : *object) {
    if (name == kSelf) {
      member = true;
      continue;
    }
    INSULA_TRY(FieldSet child, read(below, false));
    auto element = PathElement::parse_fields_v1(name);
    if (element) children.push_back({*std::move(element), std::move(child)});
  }
  FieldSet out = FieldSet::of(std::move(children));
  out.set_member(member);
  return out;
}

}  // namespace

std::string write_fields_v1(const FieldSet& set) {
  std::string out;
  write(set, true, out);
  return out;
}

Result<FieldSet> parse_fields_v1(std::string_view text) {
  INSULA_TRY(const json::Value value, json::parse(text));
  return read(value, true);
}

}  // namespace insula::api
