#include "json/parse.h"

#include <algorithm>

#include <fmt/format.h>
#include <simdjson.h>

#include "json/scan.h"

namespace insula::json {
namespace {

namespace dom = simdjson::dom;

/// Copies simdjson's tape into our values. Depth is bounded by the parser.
class Converter {
 public:
  Converter(std::size_t depth_max, std::vector<std::string>* duplicates)
      : depth_max_(depth_max), duplicates_(duplicates) {}

  /// simdjson does not count the level of an empty container.
  [[nodiscard]] bool too_deep() const { return too_deep_; }

  Value convert(dom::element element) {
    switch (element.type()) {
      case dom::element_type::NULL_VALUE:
        return {};
      case dom::element_type::BOOL:
        return Value(element.get_bool().value_unsafe());
      case dom::element_type::INT64:
        return Value(element.get_int64().value_unsafe());
      case dom::element_type::UINT64:
        return Value(element.get_uint64().value_unsafe());
      case dom::element_type::DOUBLE:
        return Value(element.get_double().value_unsafe());
      case dom::element_type::STRING:
        return Value(element.get_string().value_unsafe());
      case dom::element_type::ARRAY:
        return array(element.get_array().value_unsafe());
      case dom::element_type::OBJECT:
        return object(element.get_object().value_unsafe());
    }
    return {};
  }

 private:
  /// A step of the path to the value at hand: a key, or an index when there is none.
  struct Step {
    std::string_view key;
    std::size_t index;
  };

  Value array(dom::array source) {
    if (!descend()) return {};
    Array result;
    result.reserve(source.size());
    path_.push_back({{}, 0});
    for (const dom::element element : source) {
      result.push_back(convert(element));
      ++path_.back().index;
    }
    path_.pop_back();
    return Value(std::move(result));
  }

  Value object(dom::object source) {
    if (!descend()) return {};
    Object result;
    result.reserve(source.size());
    for (const auto field : source) {
      path_.push_back({field.key, kNoIndex});
      Value value = convert(field.value);
      if (!result.set(std::string(field.key), std::move(value))) report_duplicate();
      path_.pop_back();
    }
    return Value(std::move(result));
  }

  bool descend() {
    too_deep_ = too_deep_ || path_.size() >= depth_max_;
    return !too_deep_;
  }

  void report_duplicate() {
    if (duplicates_ == nullptr || duplicates_->size() >= kDuplicatesMax) return;
    std::string text;
    for (const Step& step : path_) {
      if (step.index != kNoIndex) {
        text += fmt::format("[{}]", step.index);
      } else {
        if (!text.empty()) text += '.';
        text += step.key;
      }
    }
    if (std::ranges::find(*duplicates_, text) == duplicates_->end())
      duplicates_->push_back(std::move(text));
  }

  static constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);

  std::size_t depth_max_;
  std::vector<std::string>* duplicates_;
  bool too_deep_ = false;
  std::vector<Step> path_;
};

std::unexpected<Error> explain(std::string_view text,
                               const ParseOptions& options,
                               simdjson::error_code code) {
  const auto fault = find_fault(text, options.depth_max);
  // What simdjson refuses and the scanner does not is a number beyond 64 bits or beyond double.
  if (!fault)
    return fail(ErrorCode::kBadRequest, code == simdjson::NUMBER_ERROR
                                            ? "number out of range"
                                            : simdjson::error_message(code));
  return fail(ErrorCode::kBadRequest,
              fmt::format("{} ({})", fault->what, position_text(text, fault->offset)));
}

}  // namespace

Result<Value> parse(std::string_view text, const ParseOptions& options) {
  if (text.size() > options.bytes_max) {
    return fail(ErrorCode::kTooLarge, fmt::format("JSON text of {} bytes is longer than {}",
                                                  text.size(), options.bytes_max));
  }
  // A parser each time: its tables are a multiple of the text and would otherwise stay as large as
  // the largest text ever read. Reusing one saves less than a microsecond.
  dom::parser parser;
  // One level more, for the scalars inside the deepest array.
  simdjson::error_code code = parser.allocate(std::max<std::size_t>(text.size(), 1),
                                              std::min(options.depth_max, kDepthMax) + 1);
  dom::element root;
  if (code == simdjson::SUCCESS) code = parser.parse(text.data(), text.size()).get(root);
  if (code != simdjson::SUCCESS) return explain(text, options, code);
  Converter converter(options.depth_max, options.duplicates);
  Value value = converter.convert(root);
  if (converter.too_deep()) return explain(text, options, simdjson::DEPTH_ERROR);
  return value;
}

}  // namespace insula::json
