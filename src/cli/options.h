#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace insula::cli {

/// Declares and reads the options of one command, so that every command's help and mistakes look
/// the same: `insula tenant create: --gpus: ...`, one line, exit code 2.
class Options {
 public:
  /// `path`: the words of the command, `tenant create`.
  Options(std::string path, std::string summary);
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  ~Options();

  /// `flag`: `--name`, or `-o,--output`. The targets outlive parse().
  Options& text(const std::string& flag, std::string& target, const std::string& help);
  /// One that may be left out, but not be given empty: an empty variable of a script must not mean
  /// what leaving it out means.
  Options& text_if_any(const std::string& flag, std::string& target, const std::string& help);
  /// One that must be given, and not empty.
  Options& needed_text(const std::string& flag, std::string& target, const std::string& help);
  Options& texts(const std::string& flag,
                 std::vector<std::string>& target,
                 const std::string& help);
  Options& number(const std::string& flag, int& target, const std::string& help);
  Options& numbers(const std::string& flag, std::vector<int>& target, const std::string& help);
  /// Likewise.
  Options& maybe_number(const std::string& flag,
                        std::optional<long>& target,
                        const std::string& help);
  Options& toggle(const std::string& flag, bool& target, const std::string& help);
  /// One of a closed set.
  Options& choice(const std::string& flag,
                  std::string& target,
                  const std::vector<std::string>& allowed,
                  const std::string& help);
  /// One that may be left out: then the target stays empty.
  Options& choice_if_any(const std::string& flag,
                         std::string& target,
                         const std::vector<std::string>& allowed,
                         const std::string& help);
  /// A word without a flag that must be there and not be empty; `name` as in TENANT.
  Options& word(const std::string& name, std::string& target, const std::string& help);
  /// One that may be left out.
  Options& maybe_word(const std::string& name, std::string& target, const std::string& help);

  /// Reads the arguments. Returns an exit code when the command is over already: 0 after --help, 2
  /// after a mistake; what there is to say has been said.
  [[nodiscard]] std::optional<int> parse(std::span<const std::string> arguments);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::string path_;
};

}  // namespace insula::cli
