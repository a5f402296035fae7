#include "api/field_errors.h"

#include <fmt/format.h>

#include "api/go_quoted.h"

namespace insula::api {

namespace {

std::string with_detail(std::string message, std::string_view detail) {
  if (!detail.empty()) message.append(": ").append(detail);
  return message;
}

}  // namespace

FieldPath FieldPath::child(std::string_view name) const {
  FieldPath result(text_);
  if (!result.text_.empty()) result.text_ += '.';
  result.text_ += name;
  return result;
}

FieldPath FieldPath::index(std::size_t position) const {
  return FieldPath(fmt::format("{}[{}]", text_, position));
}

FieldPath FieldPath::key(std::string_view name) const {
  return FieldPath(fmt::format("{}[{}]", text_, name));
}

ShownValue::ShownValue(std::string_view text) : text_(go_quoted(text)) {}

ShownValue::ShownValue(const std::string& text) : text_(go_quoted(text)) {}

ShownValue::ShownValue(const char* text) : text_(go_quoted(text)) {}

ShownValue::ShownValue(std::int32_t number) : text_(fmt::format("{}", number)) {}

ShownValue::ShownValue(std::int64_t number) : text_(fmt::format("{}", number)) {}

ShownValue ShownValue::json(std::string text) {
  ShownValue value;
  value.text_ = std::move(text);
  return value;
}

void FieldErrors::add(const FieldPath& path, std::string_view reason, std::string message) {
  if (causes_.size() >= kCausesMax || text_bytes_ >= kTextBytesMax) {
    ++left_out_;
    return;
  }
  text_bytes_ += path.text().size() + message.size();
  causes_.push_back({path.text(), std::string(reason), std::move(message)});
}

std::vector<FieldCause> FieldErrors::take() && {
  if (left_out_ > 0)
    causes_.push_back({"", "FieldValueInvalid", fmt::format("and {} more", left_out_)});
  return std::move(causes_);
}

void FieldErrors::required(const FieldPath& path, std::string_view detail) {
  add(path, "FieldValueRequired", with_detail("Required value", detail));
}

void FieldErrors::invalid(const FieldPath& path, const ShownValue& value, std::string_view detail) {
  add(path, "FieldValueInvalid", with_detail("Invalid value: " + value.text(), detail));
}

void FieldErrors::invalid(const FieldPath& path, std::string_view detail) {
  add(path, "FieldValueInvalid", with_detail("Invalid value", detail));
}

void FieldErrors::invalid_each(const FieldPath& path,
                               const ShownValue& value,
                               const std::vector<std::string>& details) {
  for (const std::string& detail : details)
    invalid(path, value, detail);
}

void FieldErrors::not_supported(const FieldPath& path,
                                const ShownValue& value,
                                std::initializer_list<std::string_view> supported) {
  not_supported(path, value, std::vector<std::string_view>(supported));
}

void FieldErrors::not_supported(const FieldPath& path,
                                const ShownValue& value,
                                const std::vector<std::string_view>& supported) {
  std::string detail;
  for (const std::string_view each : supported) {
    detail += detail.empty() ? "supported values: " : ", ";
    detail += go_quoted(each);
  }
  add(path, "FieldValueNotSupported", with_detail("Unsupported value: " + value.text(), detail));
}

void FieldErrors::not_found(const FieldPath& path,
                            const ShownValue& value,
                            std::string_view detail) {
  add(path, "FieldValueNotFound", with_detail("Not found: " + value.text(), detail));
}

void FieldErrors::duplicate(const FieldPath& path, const ShownValue& value) {
  add(path, "FieldValueDuplicate", "Duplicate value: " + value.text());
}

void FieldErrors::forbidden(const FieldPath& path, std::string_view detail) {
  add(path, "FieldValueForbidden", with_detail("Forbidden", detail));
}

void FieldErrors::too_long(const FieldPath& path, std::size_t bytes_max) {
  add(path, "FieldValueTooLong",
      fmt::format("Too long: may not be more than {} {}", bytes_max,
                  bytes_max == 1 ? "byte" : "bytes"));
}

void FieldErrors::too_many(const FieldPath& path, std::size_t actual, std::size_t items_max) {
  add(path, "FieldValueTooMany",
      fmt::format("Too many: {}: must have at most {} {}", actual, items_max,
                  items_max == 1 ? "item" : "items"));
}

}  // namespace insula::api
