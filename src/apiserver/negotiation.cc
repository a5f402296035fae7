#include "apiserver/negotiation.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "api/protobuf.h"

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
  double quality = 1;
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
    if (name == "q") out.quality = std::strtod(std::string(parameter).c_str(), nullptr);
  }
  return out;
}

bool is_json(std::string_view type) {
  return type == "application/json" || type == "*/*" || type == "application/*";
}

/// The alternatives, the most wanted first.
std::vector<MediaType> parse_accept(std::string_view accept) {
  std::vector<MediaType> out;
  while (!accept.empty()) {
    const MediaType media = parse_media_type(next_part(accept, ','));
    if (media.quality > 0) out.push_back(media);
  }
  std::ranges::sort(out, {}, [](const MediaType& media) {
    // Those that are wanted alike stay in their order.
    return std::tuple(-media.quality, media.type.ends_with('*'), media.type.data());
  });
  return out;
}

std::optional<OutputForm> form_of(const MediaType& media, const Offer& offer) {
  if (media.as.empty()) return OutputForm::kObject;
  const bool known = media.version == "v1" || media.version == "v1beta1";
  if (!offer.forms || media.group != "meta.k8s.io" || !known) return std::nullopt;
  if (media.as == "Table") return OutputForm::kTable;
  if (media.as == "PartialObjectMetadata" || media.as == "PartialObjectMetadataList")
    return OutputForm::kMetadata;
  return std::nullopt;
}

bool has_protobuf(OutputForm form, const Offer& offer) {
  return form == OutputForm::kMetadata || (form == OutputForm::kObject && offer.protobuf);
}

std::optional<BodyFormat> format_of(std::string_view type, OutputForm form, const Offer& offer) {
  if (is_json(type)) return BodyFormat::kJson;
  if (type == content_type(BodyFormat::kYaml) && !offer.stream) return BodyFormat::kYaml;
  if (type == api::kProtobufContentType && has_protobuf(form, offer)) return BodyFormat::kProtobuf;
  return std::nullopt;
}

std::unexpected<Error> not_acceptable(const Offer& offer) {
  const bool protobuf = offer.protobuf || offer.forms;
  const std::string_view end = offer.stream ? ";stream=watch" : "";
  std::string types = fmt::format("application/json{}", end);
  if (!offer.stream) types += ", application/yaml";
  if (protobuf) types += fmt::format(", {}{}", api::kProtobufContentType, end);
  return fail(ErrorCode::kNotAcceptable,
              fmt::format("only the following media types are accepted: {}", types));
}

}  // namespace

Result<Representation> negotiate(std::string_view accept, const Offer& offer) {
  if (trim(accept).empty()) return Representation{};
  for (const MediaType& media : parse_accept(accept)) {
    const auto form = form_of(media, offer);
    if (!form) continue;
    const auto format = format_of(media.type, *form, offer);
    if (!format) continue;
    Representation out{.form = *form, .format = *format, .of_list = media.as.ends_with("List")};
    if (media.version == "v1beta1") out.meta_version = "meta.k8s.io/v1beta1";
    return out;
  }
  return not_acceptable(offer);
}

std::string_view content_type(BodyFormat format, bool stream) {
  switch (format) {
    case BodyFormat::kJson:
      return "application/json";
    case BodyFormat::kYaml:
      return "application/yaml";
    case BodyFormat::kProtobuf:
      return stream ? "application/vnd.kubernetes.protobuf;stream=watch"
                    : api::kProtobufContentType;
  }
  return {};
}

bool wants_aggregated_discovery(std::string_view accept) {
  for (const MediaType& media : parse_accept(accept)) {
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
  if (type == api::kProtobufContentType) return BodyFormat::kProtobuf;
  return fail(ErrorCode::kUnsupportedMedia,
              "the body of the request was in an unknown format - accepted media types include: "
              "application/json, application/yaml, application/vnd.kubernetes.protobuf");
}

}  // namespace insula::apiserver
