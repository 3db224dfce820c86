#include "core/model/model_source.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kinglet {
namespace {

TEST(MetadataTest, ReadsAValueAsWhatItIs) {
  Metadata metadata;
  EXPECT_TRUE(metadata.Insert("int", int64_t{7}));
  EXPECT_TRUE(metadata.Insert("float", 2.5));
  EXPECT_TRUE(metadata.Insert("bool", true));
  EXPECT_TRUE(metadata.Insert("string", std::string("text")));
  EXPECT_EQ(metadata.Int("int"), 7);
  EXPECT_EQ(metadata.Int("bool"), 1);
  EXPECT_EQ(metadata.Int("float"), std::nullopt);
  EXPECT_EQ(metadata.Int("string"), std::nullopt);
  EXPECT_EQ(metadata.Float("int"), 7.0);
  EXPECT_EQ(metadata.Float("float"), 2.5);
  EXPECT_EQ(metadata.String("string"), "text");
  EXPECT_EQ(metadata.String("int"), std::nullopt);
  EXPECT_EQ(metadata.Int("absent"), std::nullopt);
}

TEST(MetadataTest, KeyIsInsertedOnce) {
  Metadata metadata;
  EXPECT_TRUE(metadata.Insert("key", int64_t{1}));
  EXPECT_FALSE(metadata.Insert("key", int64_t{2}));
  EXPECT_EQ(metadata.Int("key"), 1);
}

TEST(ModelSourceTest, DroppingTheVocabularyKeepsTheRestOfTheMetadata) {
  ModelSource source;
  source.vocabulary.emplace();
  source.metadata.Insert("tokenizer.ggml.tokens", std::vector<std::string>{"a"});
  source.metadata.Insert("tokenizer.ggml.model", std::string("gpt2"));
  source.DropVocabulary();
  EXPECT_FALSE(source.vocabulary.has_value());
  EXPECT_EQ(source.metadata.Find("tokenizer.ggml.tokens"), nullptr);
  EXPECT_EQ(source.metadata.String("tokenizer.ggml.model"), "gpt2");
}

// Takes files that begin with its name.
class FakeLoader : public Loader {
 public:
  explicit FakeLoader(std::string name) : name_(std::move(name)) {}
  absl::string_view format() const override { return name_; }
  bool Recognises(absl::string_view, absl::string_view head) const override {
    return head.substr(0, name_.size()) == name_;
  }
  absl::StatusOr<std::unique_ptr<ModelSource>> Load(absl::string_view path) const override {
    auto source = std::make_unique<ModelSource>();
    source->path = std::string(path);
    source->format = name_;
    return source;
  }

 private:
  std::string name_;
};

TEST(LoadSourceTest, TheLoaderThatRecognisesTheFileLoadsIt) {
  TempFolder folder;
  const FakeLoader aaa("aaa"), bbb("bbb");
  const auto source = LoadSource(folder.Write("model", "bbb and more"), {&aaa, &bbb});
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->format, "bbb");
}

TEST(LoadSourceTest, UnknownFormatSaysWhichAreKnown) {
  TempFolder folder;
  const FakeLoader aaa("aaa"), bbb("bbb");
  const auto source = LoadSource(folder.Write("model", "something else"), {&aaa, &bbb});
  EXPECT_EQ(source.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(source.status().message().find("aaa, bbb"), absl::string_view::npos) << source.status();
}

TEST(LoadSourceTest, MissingPathIsNotFound) {
  TempFolder folder;
  const auto source = LoadSource(folder.path() + "/missing", {});
  EXPECT_EQ(source.status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace kinglet
