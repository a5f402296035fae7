#include "apiserver/list_output.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/any_kind.h"
#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "api/protobuf.h"
#include "api/protobuf_wire.h"
#include "apiserver/object.h"
#include "apiserver/output_format.h"
#include "apiserver/table_output.h"
#include "base/check.h"
#include "json/parse.h"
#include "json/write.h"
#include "json/yaml.h"

namespace insula::apiserver {

class ListForm {
 public:
  ListForm(const api::Kind& kind, const ObjectList& list, const OutputOptions& options)
      : kind_(kind), list_(list), options_(options) {}

  virtual ~ListForm() = default;

  /// Called for each item, in order, before anything else.
  virtual void prepare(const store::EntryPtr& /*entry*/) {}

  [[nodiscard]] virtual bool has_to_prepare() const { return false; }

  [[nodiscard]] virtual std::string head() const = 0;
  virtual void append_item(const store::EntryPtr& entry, bool first, std::string& out) const = 0;
  [[nodiscard]] virtual std::string_view tail() const = 0;

 protected:
  [[nodiscard]] bool is_table() const { return options_.form == OutputForm::kTable; }

  [[nodiscard]] std::string list_kind() const {
    if (options_.form == OutputForm::kObject) return api::list_kind_of(kind_);
    return is_table() ? "Table" : "PartialObjectMetadataList";
  }

  [[nodiscard]] std::string list_version() const {
    return options_.form == OutputForm::kObject ? kind_.api_version()
                                                : std::string(options_.meta_version);
  }

  /// What the list says of itself, as members of a JSON object.
  [[nodiscard]] std::string members() const {
    std::string out =
        fmt::format(R"("kind":"{}","apiVersion":"{}","metadata":)", list_kind(), list_version());
    out += fmt::format(R"({{"resourceVersion":"{}")", list_.revision);
    if (!list_.continue_token.empty()) {
      out += R"(,"continue":)";
      json::append_string(out, list_.continue_token);
    }
    if (list_.remaining) out += fmt::format(R"(,"remainingItemCount":{})", *list_.remaining);
    out += '}';
    if (is_table()) {
      out += R"(,"columnDefinitions":)";
      out += options_.says_columns ? column_definitions(kind_) : "null";
    }
    return out;
  }

  [[nodiscard]] std::string_view items_name() const { return is_table() ? "rows" : "items"; }

  /// An item as JSON.
  [[nodiscard]] std::string item(const store::EntryPtr& entry) const {
    return is_table() ? table_row(kind_, entry, options_) : object_output(kind_, entry, options_);
  }

  const api::Kind& kind_;
  const ObjectList& list_;
  const OutputOptions& options_;
};

namespace {

constexpr std::size_t kPieceBytes = std::size_t{128} << 10;
/// Objects of a piece of which something is made: rows, metadata, other formats.
constexpr std::size_t kMadeItems = 50;

class JsonList final : public ListForm {
 public:
  using ListForm::ListForm;

  [[nodiscard]] std::string head() const override {
    return fmt::format(R"({{{},"{}":[)", members(), items_name());
  }

  void append_item(const store::EntryPtr& entry, bool first, std::string& out) const override {
    if (!first) out += ',';
    if (options_.form == OutputForm::kObject)
      out += entry->value;
    else
      out += item(entry);
  }

  [[nodiscard]] std::string_view tail() const override { return is_table() ? "]}" : "]}\n"; }
};

class YamlList final : public ListForm {
 public:
  using ListForm::ListForm;

  [[nodiscard]] std::string head() const override {
    return fmt::format("{}{}:{}\n", yaml('{' + members() + '}'), items_name(),
                       list_.entries.empty() ? " []" : "");
  }

  void append_item(const store::EntryPtr& entry, bool /*first*/, std::string& out) const override {
    out += yaml('[' + item(entry) + ']');
  }

  [[nodiscard]] std::string_view tail() const override { return {}; }

 private:
  static std::string yaml(const std::string& json) {
    const auto value = json::parse(json);
    INSULA_CHECK(value, json);
    return json::write_yaml(*value);
  }
};

class ProtobufList final : public ListForm {
 public:
  using ListForm::ListForm;

  [[nodiscard]] bool has_to_prepare() const override { return true; }

  void prepare(const store::EntryPtr& entry) override {
    std::string out;
    append_item(entry, false, out);
    items_bytes_ += out.size();
  }

  [[nodiscard]] std::string head() const override {
    api::ListMeta metadata;
    metadata.resource_version = std::to_string(list_.revision);
    metadata.continue_ = list_.continue_token;
    if (list_.remaining)
      metadata.remaining_item_count = static_cast<std::int64_t>(*list_.remaining);
    std::string member;
    {
      const api::wire::MessageField field(member, kMetadata);
      api::encode_protobuf_message(api::type_of<api::ListMeta>(), &metadata, member);
    }
    return api::protobuf_envelope_head(list_version(), list_kind(), member.size() + items_bytes_) +
           member;
  }

  void append_item(const store::EntryPtr& entry, bool /*first*/, std::string& out) const override {
    const ConstObject object = object_of(kind_, *entry);
    const api::wire::MessageField item(out, kItems);
    if (options_.form == OutputForm::kObject) {
      append_protobuf_message(kind_, object.get(), out);
      return;
    }
    const api::wire::MessageField metadata(out, kMetadata);
    api::encode_protobuf_message(api::type_of<api::ObjectMeta>(), &kind_.metadata(object.get()),
                                 out);
  }

  [[nodiscard]] std::string_view tail() const override { return api::kProtobufEnvelopeTail; }

 private:
  /// Members of every list, and of PartialObjectMetadata.
  static constexpr std::uint32_t kMetadata = 1;
  static constexpr std::uint32_t kItems = 2;

  std::size_t items_bytes_ = 0;
};

std::unique_ptr<ListForm> list_form(const api::Kind& kind,
                                    const ObjectList& list,
                                    const OutputOptions& options) {
  switch (options.format) {
    case BodyFormat::kJson:
      break;
    case BodyFormat::kYaml:
      return std::make_unique<YamlList>(kind, list, options);
    case BodyFormat::kProtobuf:
      return std::make_unique<ProtobufList>(kind, list, options);
  }
  return std::make_unique<JsonList>(kind, list, options);
}

/// Whether items are sent as they are stored: what is made costs more than its bytes.
bool is_stored_form(const OutputOptions& options) {
  return options.form == OutputForm::kObject && options.format == BodyFormat::kJson;
}

}  // namespace

ListOutput::ListOutput(const api::Kind& kind, const ObjectList& list, const OutputOptions& options)
    : list_(list),
      form_(list_form(kind, list, options)),
      items_max_(is_stored_form(options) ? SIZE_MAX : kMadeItems) {}

ListOutput::~ListOutput() = default;

bool ListOutput::prepare() {
  if (!form_->has_to_prepare()) return true;
  const auto& entries = list_.entries;
  const std::size_t end = std::min(entries.size(), prepared_ + kMadeItems);
  while (prepared_ < end)
    form_->prepare(entries[prepared_++]);
  return prepared_ == entries.size();
}

/// Objects lie anywhere in memory: copying one takes less time than waiting for its first bytes.
void ListOutput::fetch_ahead() const {
  constexpr std::size_t kEntryAhead = 8;
  constexpr std::size_t kValueAhead = 4;
  const auto& entries = list_.entries;
  if (position_ + kEntryAhead < entries.size())
    __builtin_prefetch(entries[position_ + kEntryAhead].get());
  if (position_ + kValueAhead < entries.size())
    __builtin_prefetch(entries[position_ + kValueAhead]->value.data());
}

std::string ListOutput::next() {
  if (has_ended_) return {};
  std::string out;
  if (items_max_ > kMadeItems && list_.entries.size() > kMadeItems)
    out.reserve(kPieceBytes + kPieceBytes / 8);
  if (!std::exchange(has_begun_, true)) out += form_->head();
  for (std::size_t items = 0;
       position_ < list_.entries.size() && items < items_max_ && out.size() < kPieceBytes;
       ++items) {
    fetch_ahead();
    form_->append_item(list_.entries[position_], position_ == 0, out);
    ++position_;
  }
  if (position_ < list_.entries.size()) return out;
  has_ended_ = true;
  return out += form_->tail();
}

std::string list_output(const api::Kind& kind,
                        const ObjectList& list,
                        const OutputOptions& options) {
  ListOutput output(kind, list, options);
  while (!output.prepare()) {
  }
  std::string out = output.next();
  for (std::string piece = output.next(); !piece.empty(); piece = output.next())
    out += piece;
  return out;
}

}  // namespace insula::apiserver
