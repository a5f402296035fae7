#include "telemetry/rotated_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "telemetry/line_writer.h"
#include "testing/temp_dir.h"

namespace insula {
namespace {

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class RotatedFileTest : public ::testing::Test {
 public:
  RotatedFile open(std::uint64_t bytes_max, int older) {
    return RotatedFile::open({.path = path_, .bytes_max = bytes_max, .older = older}).value();
  }

  testing::TempDir directory_;
  std::string path_ = directory_.path() + "/x.log";
};

TEST_F(RotatedFileTest, MovesAFullFileAwayAndLosesTheOldest) {
  RotatedFile file = open(4, 2);
  for (const char* text : {"aa\n", "bb\n", "cc\n", "dd\n"})
    ASSERT_TRUE(file.append(text));
  EXPECT_EQ(read(path_), "dd\n");
  EXPECT_EQ(read(path_ + ".1"), "cc\n");
  EXPECT_EQ(read(path_ + ".2"), "bb\n");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".3"));
}

TEST_F(RotatedFileTest, KeepsNoOlderOnesIfNoneAreWanted) {
  RotatedFile file = open(4, 0);
  ASSERT_TRUE(file.append("aa\n"));
  ASSERT_TRUE(file.append("bb\n"));
  EXPECT_EQ(read(path_), "bb\n");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".1"));
}

TEST_F(RotatedFileTest, PutsALongTextIntoOneFile) {
  RotatedFile file = open(4, 1);
  ASSERT_TRUE(file.append("a\n"));
  ASSERT_TRUE(file.append("a long one\n"));
  EXPECT_EQ(read(path_), "a long one\n");
  EXPECT_EQ(read(path_ + ".1"), "a\n");
}

TEST_F(RotatedFileTest, GoesOnInAFileThatIsThere) {
  std::ofstream(path_) << "before\n";
  RotatedFile file = open(8, 1);
  ASSERT_TRUE(file.append("a\n"));
  EXPECT_EQ(read(path_), "a\n");
  EXPECT_EQ(read(path_ + ".1"), "before\n");
}

TEST_F(RotatedFileTest, IsOnlyForItsOwner) {
  (void)open(4, 0);
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms(0600));
}

TEST_F(RotatedFileTest, MustBeARegularFile) {
  EXPECT_FALSE(RotatedFile::open({.path = directory_.path()}));
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(RotatedFile::open({.path = path_}));
}

class LineWriterTest : public RotatedFileTest {
 public:
  Counter written_;
  Counter dropped_;
};

TEST_F(LineWriterTest, WritesEveryLineInOrderBeforeItEnds) {
  std::string expected;
  {
    LineWriter writer(open(1 << 30, 0), {}, written_, dropped_, {});
    for (int i = 0; i < 20'000; ++i) {
      const std::string line = "line " + std::to_string(i);
      writer.write(line);
      expected += line + "\n";
    }
  }
  EXPECT_EQ(read(path_), expected);
  EXPECT_EQ(written_.value(), 20'000U);
  EXPECT_EQ(dropped_.value(), 0U);
}

TEST_F(LineWriterTest, SplitsWhatComesAtOnceOverFilesByLines) {
  const std::string line(30'000, 'x');
  {
    LineWriter writer(open(100'000, 9), {}, written_, dropped_, {});
    for (int i = 0; i < 10; ++i)
      writer.write(line);
  }
  std::string all;
  for (int number = 9; number > 0; --number) {
    const std::string older = read(path_ + "." + std::to_string(number));
    EXPECT_LE(older.size(), 100'000U);
    if (!older.empty()) EXPECT_EQ(older.back(), '\n');
    all += older;
  }
  all += read(path_);
  EXPECT_EQ(all.size(), 10 * (line.size() + 1));
}

TEST_F(LineWriterTest, CountsLinesForWhichThereIsNoRoom) {
  {
    LineWriter writer(open(1 << 30, 0), {.waiting_bytes_max = 4, .what = "test"}, written_,
                      dropped_, {});
    writer.write("too long");
  }
  EXPECT_EQ(dropped_.value(), 1U);
  EXPECT_EQ(read(path_), "");
}

TEST_F(LineWriterTest, CountsWhatTheDiskDoesNotTake) {
  // A full file that cannot be moved away, as a folder that is not empty has its next name.
  std::ofstream(path_) << "full\n";
  std::filesystem::create_directories(path_ + ".1/x");
  {
    LineWriter writer(open(4, 1), {}, written_, dropped_, {});
    writer.write("a");
    writer.write("b");
  }
  EXPECT_EQ(dropped_.value(), 2U);
  EXPECT_EQ(written_.value(), 0U);
  EXPECT_EQ(read(path_), "full\n");
}

}  // namespace
}  // namespace insula
