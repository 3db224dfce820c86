#include "core/text/byte_alphabet.h"

#include <set>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(ByteAlphabetTest, HasOneCharacterForEachByte) {
  std::set<std::string> characters;
  for (int byte = 0; byte < 256; byte++) {
    const std::string& character = ByteAlphabet()[byte];
    characters.insert(character);
    EXPECT_EQ(std::string(1, static_cast<char>(byte)), BytesFromAlphabet(character)) << byte;
  }
  EXPECT_EQ(256u, characters.size());
}

TEST(ByteAlphabetTest, SpellsKnownBytes) {
  EXPECT_EQ("A", ByteAlphabet()['A']);
  EXPECT_EQ("\u0120", ByteAlphabet()[' ']);
  EXPECT_EQ("\u010A", ByteAlphabet()['\n']);
  EXPECT_EQ("\u0100", ByteAlphabet()[0]);
  EXPECT_EQ("\u0143", ByteAlphabet()[173]);
  EXPECT_EQ("\u00FF", ByteAlphabet()[255]);
}

TEST(ByteAlphabetTest, KeepsWhatIsOutsideTheAlphabet) {
  EXPECT_EQ("\uFF5C a\u2581\xFF", BytesFromAlphabet("\uFF5C\u0120a\u2581\xFF"));
}

}  // namespace
}  // namespace kinglet
