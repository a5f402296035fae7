#include "cli/options.h"

#include <algorithm>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "cli/command.h"

namespace insula::cli {

namespace {

// An empty name would stand for all there is, and no number for no limit: it is what a variable
// that is not set leaves behind.
std::string not_empty(const std::string& word) {
  return word.empty() ? "must not be empty" : "";
}

}  // namespace

struct Options::Parser {
  CLI::App app;
};

Options::Options(std::string path, std::string summary)
    : parser_(std::make_unique<Parser>()), path_(std::move(path)) {
  parser_->app.name("insula " + path_);
  parser_->app.description(summary);
}

Options::~Options() = default;

Options& Options::text(const std::string& flag, std::string& target, const std::string& help) {
  parser_->app.add_option(flag, target, help)->take_last()->capture_default_str();
  return *this;
}

Options& Options::texts(const std::string& flag,
                        std::vector<std::string>& target,
                        const std::string& help) {
  parser_->app.add_option(flag, target, help)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

Options& Options::number(const std::string& flag, int& target, const std::string& help) {
  parser_->app.add_option(flag, target, help)->take_last()->check(not_empty)->capture_default_str();
  return *this;
}

Options& Options::numbers(const std::string& flag,
                          std::vector<int>& target,
                          const std::string& help) {
  parser_->app.add_option(flag, target, help)
      ->expected(1)
      ->check(not_empty)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

Options& Options::text_if_any(const std::string& flag,
                              std::string& target,
                              const std::string& help) {
  parser_->app.add_option(flag, target, help)->take_last()->check(not_empty);
  return *this;
}

Options& Options::needed_text(const std::string& flag,
                              std::string& target,
                              const std::string& help) {
  parser_->app.add_option(flag, target, help)->required()->take_last()->check(not_empty);
  return *this;
}

Options& Options::maybe_number(const std::string& flag,
                               std::optional<long>& target,
                               const std::string& help) {
  parser_->app.add_option(flag, target, help)->take_last()->check(not_empty);
  return *this;
}

Options& Options::toggle(const std::string& flag, bool& target, const std::string& help) {
  parser_->app.add_flag(flag, target, help);
  return *this;
}

Options& Options::choice(const std::string& flag,
                         std::string& target,
                         const std::vector<std::string>& allowed,
                         const std::string& help) {
  parser_->app.add_option(flag, target, help)
      ->check(CLI::IsMember(allowed))
      ->take_last()
      ->capture_default_str();
  return *this;
}

Options& Options::choice_if_any(const std::string& flag,
                                std::string& target,
                                const std::vector<std::string>& allowed,
                                const std::string& help) {
  parser_->app.add_option(flag, target, help)->check(CLI::IsMember(allowed))->take_last();
  return *this;
}

Options& Options::word(const std::string& name, std::string& target, const std::string& help) {
  parser_->app.add_option(name, target, help)->required()->check(not_empty);
  return *this;
}

Options& Options::maybe_word(const std::string& name,
                             std::string& target,
                             const std::string& help) {
  parser_->app.add_option(name, target, help)->check(not_empty);
  return *this;
}

std::optional<int> Options::parse(std::span<const std::string> arguments) {
  // CLI11 takes them from the back.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    parser_->app.parse(reversed);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", parser_->app.help());
    return kOk;
  } catch (const CLI::ParseError& error) {
    std::string what = error.what();
    std::ranges::replace(what, '\n', ' ');
    fmt::print(stderr, "insula {}: {} (insula {} --help)\n", path_, what, path_);
    return kUsage;
  }
}

}  // namespace insula::cli
