#include "apiserver/negotiation.h"

#include <string>

#include <fmt/format.h>

namespace insula::apiserver {

namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

/// Takes the part before `separator` off the front.
std::string_view next_part(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = trim(rest.substr(0, end));
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return part;
}

/// One alternative of an Accept header.
struct MediaType {
  std::string_view type;
  std::string_view as;
  std::string_view group;
  std::string_view version;
};

MediaType parse_media_type(std::string_view text) {
  MediaType out;
  out.type = next_part(text, ';');
  while (!text.empty()) {
    std::string_view parameter = next_part(text, ';');
    const std::string_view name = next_part(parameter, '=');
    if (name == "as") out.as = parameter;
    if (name == "g") out.group = parameter;
    if (name == "v") out.version = parameter;
  }
  return out;
}

bool is_json(std::string_view type) {
  return type == "application/json" || type == "*/*" || type == "application/*";
}

}  // namespace

Result<Representation> negotiate(std::string_view accept) {
  std::string_view rest = accept;
  if (trim(rest).empty()) return Representation{};
  while (!rest.empty()) {
    const MediaType media = parse_media_type(next_part(rest, ','));
    if (!is_json(media.type)) continue;
    if (media.as.empty()) return Representation{};
    if (media.group != "meta.k8s.io" || (media.version != "v1" && media.version != "v1beta1"))
      continue;
    Representation out;
    if (media.version == "v1beta1") out.meta_version = "meta.k8s.io/v1beta1";
    out.form = media.as == "Table" ? OutputForm::kTable : OutputForm::kMetadata;
    if (media.as == "Table" || media.as == "PartialObjectMetadata" ||
        media.as == "PartialObjectMetadataList")
      return out;
  }
  return fail(ErrorCode::kNotAcceptable,
              "only the following media types are accepted: application/json");
}

bool accepts_objects(std::string_view accept) {
  if (trim(accept).empty()) return true;
  while (!accept.empty()) {
    const MediaType media = parse_media_type(next_part(accept, ','));
    if (is_json(media.type) && media.as.empty()) return true;
  }
  return false;
}

bool wants_aggregated_discovery(std::string_view accept) {
  while (!accept.empty()) {
    const MediaType media = parse_media_type(next_part(accept, ','));
    if (!is_json(media.type)) continue;
    if (media.as.empty()) return false;
    if (media.as == "APIGroupDiscoveryList" && media.group == "apidiscovery.k8s.io" &&
        media.version == "v2")
      return true;
  }
  return false;
}

Result<BodyFormat> body_format(std::string_view content_type) {
  const std::string_view type = parse_media_type(content_type).type;
  if (type.empty() || type == "application/json") return BodyFormat::kJson;
  if (type == "application/yaml") return BodyFormat::kYaml;
  if (type == "application/vnd.kubernetes.protobuf") return BodyFormat::kProtobuf;
  return fail(
      ErrorCode::kUnsupportedMedia,
      fmt::format(
          "the body of the request was in an unknown format ({}) - accepted media types include: "
          "application/json, application/yaml, application/vnd.kubernetes.protobuf",
          type));
}

}  // namespace insula::apiserver
