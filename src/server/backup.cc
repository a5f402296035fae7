#include "server/backup.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "apiserver/state_dump.h"
#include "async/loop.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/gateway_admin.h"
#include "cli/location.h"
#include "cli/options.h"
#include "cli/session.h"
#include "client/http_client.h"
#include "gateway/usage_dump.h"
#include "gateway/usage_store.h"
#include "json/value.h"
#include "json/write.h"
#include "server/accounts.h"
#include "server/backup_archive.h"
#include "server/commands.h"
#include "server/credentials.h"
#include "server/data_dir.h"
#include "store/journal.h"
#include "store/store.h"

namespace insula::server {
namespace {

/// For the state of a platform that runs to begin to come, and to come on.
constexpr std::chrono::seconds kStateWithin{60};
constexpr std::size_t kStateBytesMax = std::size_t{4} << 30U;

/// What is not simply files.
struct Dumps {
  std::string state;
  std::string usage;
};

Task<Result<std::string>> state_of_running(const Layout& layout) {
  INSULA_CO_TRY(const auto config, client::load_kubeconfig(layout.kubeconfig()));
  INSULA_CO_TRY(const auto client, client::HttpClient::make(config));
  http::Request request;
  request.target = apiserver::kStateDumpPath;
  request.headers = client->headers();
  INSULA_CO_TRY(const auto answer,
                co_await client->http().open(client->origin(), std::move(request),
                                             Loop::current().now() + kStateWithin));
  INSULA_CO_TRY(std::string text,
                co_await answer->read_all(kStateBytesMax, Loop::current().now() + kStateWithin));
  if (answer->status() != 200) {
    co_return fail(error_code_of_status(answer->status()),
                   fmt::format("the API server refused its state with {}", answer->status()));
  }
  co_return text;
}

Task<Result<>> dump_running(const Layout& layout, Dumps& dumps) {
  INSULA_CO_TRY(dumps.state, co_await state_of_running(layout));
  INSULA_CO_TRY(dumps.usage, co_await cli::ask_gateway(layout.root, "/usage/sums", {}));
  co_return Result<>{};
}

Result<std::string> state_at_rest(const Layout& layout) {
  INSULA_TRY(auto journal, store::open_sqlite_journal(layout.control() + "/state.db"));
  INSULA_TRY(const auto store, store::Store::open(std::move(journal), {}));
  apiserver::StateDump dump(*store);
  std::string text;
  for (std::string piece = dump.next(); !piece.empty(); piece = dump.next())
    text += piece;
  return text;
}

Result<Dumps> dump_at_rest(const Layout& layout) {
  // Held until the end, so that nobody starts meanwhile.
  INSULA_TRY(const Fd lock, open_data_dir(layout));
  Dumps dumps;
  INSULA_TRY(dumps.state, state_at_rest(layout));
  std::vector<gateway::UsageRow> rows;
  if (::access((layout.gateway() + "/" + gateway::kUsageLedgerFile).c_str(), F_OK) == 0) {
    INSULA_TRY(rows, gateway::usage_at_rest(layout.gateway()));
    // Whoever looks into its files may leave new ones there.
    INSULA_TRY_VOID(give_files(layout.gateway(), choose_accounts().gateway));
  }
  dumps.usage = gateway::write_usage_dump(rows);
  return dumps;
}

/// Of a dump, whose first and last lines say what it is.
std::size_t lines_between(const std::string& dump) {
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(std::ranges::count(dump, '\n') - 2, 0));
}

Result<> add_folder(BackupWriter& writer, std::string_view name, const std::string& folder) {
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed))
    files.push_back(entry.path());
  if (failed == std::errc::no_such_file_or_directory) return {};
  if (failed) return fail_errno("read " + folder, failed.value());
  std::ranges::sort(files);
  for (const auto& file : files) {
    auto added = writer.add_file(std::string(name) + file.filename().string(), file);
    // The oldest records may have been removed meanwhile.
    if (!added && added.error().code() != ErrorCode::kNotFound) return added;
  }
  return {};
}

Result<> write_backup(const Layout& layout, const Dumps& dumps, const std::string& path) {
  INSULA_TRY(const auto writer, BackupWriter::create(path));
  INSULA_TRY_VOID(writer->add(BackupLayout::kManifest,
                              json::write(json::Object{{"format", BackupLayout::kFormat},
                                                       {"dataVersion", kDataVersion},
                                                       {"insula", version()}})));
  INSULA_TRY_VOID(writer->add(BackupLayout::kState, dumps.state));
  INSULA_TRY_VOID(writer->add(BackupLayout::kUsage, dumps.usage));
  for (const KeptCredential& kept : kKeptCredentials) {
    INSULA_TRY_VOID(writer->add_file(std::string(BackupLayout::kPki) + std::string(kept.file),
                                     pki_path(layout, kept.file)));
  }
  INSULA_TRY_VOID(add_folder(*writer, BackupLayout::kRecords,
                             layout.gateway() + "/" + gateway::kUsageRecordsFolder));
  return writer->finish();
}

}  // namespace

int backup(std::span<const std::string> arguments) {
  Layout layout{cli::default_data_dir()};
  std::string path;
  cli::Options options("backup",
                       "Writes objects, usage and keys of a platform, running or not, to one file. "
                       "It has every secret in it: only its owner may read it.");
  options.word("FILE", path, "the file, such as insula.tar.zst; replaced when it is there")
      .text("--data-dir", layout.root, "where everything is kept");
  if (const auto over = options.parse(arguments)) return *over;
  layout.root = cli::absolute_path(layout.root);
  if (::access(layout.version().c_str(), F_OK) != 0)
    return cli::report("backup",
                       Error(ErrorCode::kNotFound, "no platform has run on " + layout.root));
  return cli::run_task("backup", [&]() -> Task<Result<>> {
    Dumps dumps;
    if (is_locked(layout)) {
      INSULA_CO_TRY_VOID(co_await dump_running(layout, dumps));
    } else {
      INSULA_CO_TRY(dumps, dump_at_rest(layout));
    }
    INSULA_CO_TRY_VOID(write_backup(layout, dumps, path));
    fmt::print("{} is backed up in {}: {} objects, {} sums of usage\n", layout.root, path,
               lines_between(dumps.state), lines_between(dumps.usage));
    co_return Result<>{};
  });
}

}  // namespace insula::server
