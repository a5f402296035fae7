#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "apiserver/state_dump.h"
#include "cli/command.h"
#include "cli/location.h"
#include "cli/options.h"
#include "cli/session.h"
#include "gateway/usage_dump.h"
#include "gateway/usage_store.h"
#include "json/parse.h"
#include "server/accounts.h"
#include "server/backup.h"
#include "server/backup_archive.h"
#include "server/commands.h"
#include "server/credentials.h"
#include "server/data_dir.h"
#include "store/journal.h"

namespace insula::server {
namespace {

/// Makes a data directory of a backup, under another name until it is whole.
class Restorer {
 public:
  Restorer(Layout layout, std::string path)
      : layout_(std::move(layout)),
        unfinished_{layout_.root + ".restoring"},
        path_(std::move(path)) {}

  Restorer(const Restorer&) = delete;
  Restorer& operator=(const Restorer&) = delete;

  ~Restorer() {
    std::error_code ignored;
    if (begun_) std::filesystem::remove_all(unfinished_.root, ignored);
  }

  Result<> run();

 private:
  Result<> check_target() const;
  Result<> make_folders();
  Result<> take(BackupReader& reader, const std::string& name);
  Result<> check_manifest(const std::string& text) const;
  Result<> take_state(const std::string& text);
  Result<> take_usage(const std::string& text);
  Result<> take_credential(BackupReader& reader, std::string_view file);
  Result<> check_whole() const;
  [[nodiscard]] std::unexpected<Error> wrong(std::string_view what) const;

  Layout layout_;
  Layout unfinished_;
  std::string path_;
  const Accounts accounts_ = choose_accounts();
  bool begun_ = false;
  std::set<std::string> taken_;
};

std::unexpected<Error> Restorer::wrong(std::string_view what) const {
  return fail(ErrorCode::kInvalid, fmt::format("{}: {}", path_, what));
}

/// Nothing is written over what is there.
Result<> Restorer::check_target() const {
  std::error_code failed;
  if (is_locked(layout_)) {
    return fail(ErrorCode::kConflict, layout_.root +
                                          " is in use: insula down stops it, or choose "
                                          "another --data-dir");
  }
  const bool is_there = std::filesystem::exists(layout_.root, failed);
  if (is_there && !std::filesystem::is_empty(layout_.root, failed)) {
    return fail(ErrorCode::kConflict, layout_.root +
                                          " is not empty: move it away, or choose another "
                                          "--data-dir");
  }
  if (failed) return fail_errno("look at " + layout_.root, failed.value());
  return {};
}

Result<> Restorer::make_folders() {
  // Of a restore that was killed.
  std::error_code ignored;
  std::filesystem::remove_all(unfinished_.root, ignored);
  begun_ = true;
  INSULA_TRY_VOID(make_directory(unfinished_.root, 0711, accounts_.self));
  INSULA_TRY_VOID(make_directory(unfinished_.pki(), 0711, accounts_.self));
  INSULA_TRY_VOID(make_directory(unfinished_.control(), 0700, accounts_.control));
  INSULA_TRY_VOID(make_directory(unfinished_.gateway(), 0700, accounts_.gateway));
  return make_directory(unfinished_.gateway() + "/" + gateway::kUsageRecordsFolder, 0755,
                        accounts_.gateway);
}

Result<> Restorer::run() {
  INSULA_TRY_VOID(check_target());
  INSULA_TRY(const auto reader, BackupReader::open(path_));
  INSULA_TRY_VOID(make_folders());
  for (;;) {
    INSULA_TRY(const auto name, reader->next());
    if (!name) break;
    if (!taken_.insert(*name).second) return wrong(*name + " is in it twice");
    INSULA_TRY_VOID(take(*reader, *name));
  }
  INSULA_TRY_VOID(check_whole());
  INSULA_TRY_VOID(give_files(unfinished_.control(), accounts_.control));
  INSULA_TRY_VOID(give_files(unfinished_.gateway(), accounts_.gateway));
  INSULA_TRY_VOID(
      write_file_durably(unfinished_.version(), fmt::format("{}\n", kDataVersion), 0644));
  ::sync();
  if (::rename(unfinished_.root.c_str(), layout_.root.c_str()) != 0)
    return fail_errno("make " + layout_.root);
  begun_ = false;
  return {};
}

Result<> Restorer::take(BackupReader& reader, const std::string& name) {
  if (taken_.size() == 1 && name != BackupLayout::kManifest) return wrong("not a backup of insula");
  const auto is_below = [&](std::string_view folder) {
    return name.starts_with(folder) && name.find('/', folder.size()) == name.npos &&
           name.size() > folder.size();
  };
  if (is_below(BackupLayout::kPki))
    return take_credential(reader, std::string_view(name).substr(BackupLayout::kPki.size()));
  if (is_below(BackupLayout::kRecords)) {
    return reader.copy_to(fmt::format("{}/{}/{}", unfinished_.gateway(),
                                      gateway::kUsageRecordsFolder,
                                      name.substr(BackupLayout::kRecords.size())));
  }
  INSULA_TRY(const std::string text, reader.read());
  if (name == BackupLayout::kManifest) return check_manifest(text);
  if (name == BackupLayout::kState) return take_state(text);
  if (name == BackupLayout::kUsage) return take_usage(text);
  return wrong(fmt::format("{} is no part of a backup", name));
}

Result<> Restorer::check_manifest(const std::string& text) const {
  const auto manifest = json::parse(text);
  const auto format = manifest ? (*manifest)["format"].as_int64() : std::nullopt;
  const auto data_version = manifest ? (*manifest)["dataVersion"].as_int64() : std::nullopt;
  if (!format || !data_version) return wrong("not a backup of insula");
  if (*format > BackupLayout::kFormat || *data_version > kDataVersion) {
    return wrong(fmt::format("it was made by a newer insula ({}); restore it with that one",
                             (*manifest)["insula"].text()));
  }
  return {};
}

Result<> Restorer::take_state(const std::string& text) {
  auto state = apiserver::read_state_dump(text);
  if (!state) return wrong(state.error().message());
  INSULA_TRY(const auto journal, store::open_sqlite_journal(unfinished_.control() + "/state.db"));
  return apiserver::restore_state(*state, *journal);
}

Result<> Restorer::take_usage(const std::string& text) {
  const auto rows = gateway::read_usage_dump(text);
  if (!rows) return wrong(rows.error().message());
  return gateway::restore_usage(*rows, unfinished_.gateway());
}

Result<> Restorer::take_credential(BackupReader& reader, std::string_view file) {
  const auto* const kept = std::ranges::find(kKeptCredentials, file, &KeptCredential::file);
  if (kept == kKeptCredentials.end()) return wrong(fmt::format("pki/{} is no part of it", file));
  INSULA_TRY(const std::string text, reader.read());
  return write_file_durably(pki_path(unfinished_, file), text, kept->mode,
                            kept->is_controls ? accounts_.control : accounts_.self);
}

Result<> Restorer::check_whole() const {
  const auto check = [this](const std::string& name) -> Result<> {
    if (taken_.contains(name)) return {};
    return wrong(name + " is missing");
  };
  for (const char* name : {BackupLayout::kManifest, BackupLayout::kState, BackupLayout::kUsage})
    INSULA_TRY_VOID(check(name));
  for (const KeptCredential& kept : kKeptCredentials)
    INSULA_TRY_VOID(check(std::string(BackupLayout::kPki) + std::string(kept.file)));
  return {};
}

}  // namespace

int restore(std::span<const std::string> arguments) {
  Layout layout{cli::default_data_dir()};
  std::string path;
  cli::Options options("restore",
                       "Makes a data directory of a backup; insula up then starts on it.");
  options.word("FILE", path, "what insula backup wrote")
      .text("--data-dir", layout.root, "the new data directory; nothing may be in it");
  if (const auto over = options.parse(arguments)) return *over;
  layout.root = cli::absolute_path(layout.root);
  Restorer restorer(layout, path);
  if (const auto done = restorer.run(); !done) return cli::report("restore", done.error());
  fmt::print("restored to {}: insula up --data-dir {}\n", layout.root, layout.root);
  return cli::kOk;
}

}  // namespace insula::server
