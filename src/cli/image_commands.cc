#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/location.h"
#include "cli/options.h"
#include "cli/output.h"
#include "node/image_import.h"
#include "node/image_store.h"

namespace insula::cli {
namespace {

std::string store_dir(const std::string& data_dir) {
  return absolute_path(data_dir) + "/node/images";
}

int failed(std::string_view command, const Error& error) {
  fmt::print(stderr, "insula image {}: {}\n", command, error.message());
  return kFailed;
}

int import_file(std::span<const std::string> arguments) {
  node::ImportOptions import;
  std::string data_dir = default_data_dir();
  Options options(
      "image import",
      "Brings the images of an OCI layout, an OCI archive or a `docker save` file here.");
  options.word("FILE", import.file, "the archive, or the folder of a layout")
      .text("--name", import.name, "call the image so; by default as the file does")
      .text("--data-dir", data_dir, "where everything is kept");
  if (const auto over = options.parse(arguments)) return *over;
  import.store_dir = store_dir(data_dir);
  const auto images = node::import_images(import);
  if (!images) return failed("import", images.error());
  for (const node::ImportedImage& image : *images) {
    for (const std::string& name : image.names)
      fmt::print("{} {} ({:.1f}Mi, {} new layers)\n", name, image.id,
                 static_cast<double>(image.bytes) / (1 << 20), image.layers_new);
  }
  return kOk;
}

int list_images(std::span<const std::string> arguments) {
  std::string data_dir = default_data_dir();
  std::string form = "table";
  Options options("image list", "Lists the images that were imported.");
  options.choice("-o,--output", form, {"table", "json", "yaml"}, "form of the answer")
      .text("--data-dir", data_dir, "where everything is kept");
  if (const auto over = options.parse(arguments)) return *over;
  std::error_code error;
  if (!std::filesystem::is_directory(absolute_path(data_dir), error))
    return failed("list", {ErrorCode::kNotFound, data_dir + " is not a data directory"});
  Table table({"IMAGE", "ID"});
  json::Array rows;
  for (const node::StoredImage& image : node::ImageStore(store_dir(data_dir)).list()) {
    table.row({image.name, image.id});
    rows.emplace_back(json::Object{{"image", image.name}, {"id", image.id}});
  }
  if (form == "table") {
    fmt::print("{}", table.text());
  } else {
    print(json::Value(std::move(rows)), form);
  }
  return kOk;
}

constexpr std::array kImageCommands = {
    Command{"import", "bring the images of a file here", import_file},
    Command{"list", "list what was imported", list_images},
};

}  // namespace

int image(std::span<const std::string> arguments) {
  return dispatch("image", kImageCommands, arguments);
}

}  // namespace insula::cli
