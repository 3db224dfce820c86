// What kinglet.h promises about NULL, struct_size, capacities and errors, whatever the model.
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/kinglet_test.h"

namespace kinglet {
namespace {

constexpr char kModel[] = "tests/golden/sigmoid_rope.gguf";
constexpr char kShippedModel[] = "models/kinglet-demo.gguf";

TEST(NullTest, CallsThatCanFailSaySo) {
  Error error;
  const int32_t token = 1;
  int32_t sampled = 0;
  kl_runtime* runtime = nullptr;
  kl_model* model = nullptr;
  kl_session* session = nullptr;
  kl_network* network = nullptr;
  kl_file* file = nullptr;
  const auto refused = [&](kl_code code) {
    const bool said = std::string(error.message).find("NULL") != std::string::npos;
    error = Error();
    return code == KL_INVALID_ARGUMENT && said;
  };
  EXPECT_TRUE(refused(kl_runtime_create(nullptr, nullptr, &error)));
  EXPECT_TRUE(refused(kl_file_open(nullptr, &file, &error)));
  EXPECT_TRUE(refused(kl_file_open(kModel, nullptr, &error)));
  EXPECT_TRUE(refused(kl_model_load(nullptr, kModel, nullptr, &model, &error)));
  EXPECT_TRUE(refused(kl_model_tokenize(nullptr, "a", 1, 0, nullptr, 0, nullptr, &error)));
  EXPECT_TRUE(refused(kl_model_detokenize(nullptr, &token, 1, false, nullptr, 0, nullptr, &error)));
  EXPECT_TRUE(refused(kl_model_apply_template(nullptr, nullptr, nullptr, 0, false, nullptr, 0, nullptr, &error)));
  kl_memory_plan plan = {};
  kl_expert_probe probe = {};
  uint64_t bytes_per_second = 0;
  EXPECT_TRUE(refused(kl_model_plan_memory(nullptr, nullptr, &plan, &error)));
  EXPECT_TRUE(refused(kl_model_probe_experts(nullptr, nullptr, 1, 1, &probe, &error)));
  EXPECT_TRUE(refused(kl_model_probe_weights(nullptr, nullptr, &bytes_per_second, &error)));
  EXPECT_TRUE(refused(kl_session_create(nullptr, nullptr, &session, &error)));
  EXPECT_TRUE(refused(kl_session_set_sampler(nullptr, nullptr, &error)));
  EXPECT_TRUE(refused(kl_session_rewind(nullptr, 0, &error)));
  EXPECT_TRUE(refused(kl_session_prefill(nullptr, &token, 1, nullptr, nullptr, &error)));
  EXPECT_TRUE(refused(kl_session_decode(nullptr, 1, &error)));
  EXPECT_TRUE(refused(kl_session_sample(nullptr, &sampled, &error)));
  EXPECT_TRUE(refused(kl_session_prefill_logits(nullptr, &token, 1, nullptr, nullptr, &error)));
  EXPECT_TRUE(refused(kl_session_generate(nullptr, 1, nullptr, nullptr, nullptr, &error)));
  EXPECT_TRUE(refused(kl_session_save(nullptr, "x", &error)));
  EXPECT_TRUE(refused(kl_session_restore(nullptr, "x", &error)));
  EXPECT_TRUE(refused(kl_network_load(runtime, "x", &network, &error)));
  kl_memory_path path = {};
  kl_encoder* encoder = nullptr;
  EXPECT_TRUE(refused(kl_memory_route(nullptr, "a", 1, &path, &error)));
  EXPECT_TRUE(refused(kl_session_set_memory(nullptr, &path, &error)));
  EXPECT_TRUE(refused(kl_session_wait_memory(nullptr, &error)));
  EXPECT_TRUE(refused(kl_encoder_load(nullptr, "x", &encoder, &error)));
  EXPECT_TRUE(refused(kl_encoder_embed(nullptr, "a", 1, nullptr, 0, nullptr, &error)));
  EXPECT_TRUE(refused(kl_network_run(nullptr, &error)));
  kl_network_probe* network_probe = nullptr;
  const uint64_t passed_bytes = 0;
  double ns = 0;
  EXPECT_TRUE(refused(kl_network_probe_open(nullptr, "x", &network_probe, &error)));
  EXPECT_TRUE(refused(kl_network_probe_time(nullptr, 0, &passed_bytes, 1, &ns, &error)));
  EXPECT_TRUE(refused(kl_network_probe_time_turns(nullptr, 0, 1, &ns, &error)));
}

TEST(NullTest, MemoryBanks) {
  Error error;
  kl_memory_bank* bank = nullptr;
  kl_memory_bank_writer* writer = nullptr;
  kl_memory_path path = {};
  kl_memory_bank_shape shape = {};
  kl_memory_bank_info info = {};
  uint64_t fingerprint = 0;
  const float vector = 0;
  const auto refused = [&](kl_code code) {
    const bool said = std::string(error.message).find("NULL") != std::string::npos;
    error = Error();
    return code == KL_INVALID_ARGUMENT && said;
  };
  EXPECT_TRUE(refused(kl_file_fingerprint(nullptr, &fingerprint, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_open(nullptr, &bank, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_open("x", nullptr, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_route(nullptr, &vector, 1, &path, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_verify(nullptr, nullptr, nullptr, nullptr, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_writer_create("x", nullptr, &vector, 1, &writer, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_writer_create("x", &shape, nullptr, 1, &writer, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_writer_add(nullptr, 1, 0, false, "", 0, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_writer_commit(nullptr, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_set_denied(nullptr, nullptr, 0, true, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_set_denied("x", nullptr, 1, true, &error)));
  EXPECT_TRUE(refused(kl_memory_bank_merge(nullptr, 0, "x", KL_MEMORY_REFUSE, nullptr, nullptr, &error)));
  EXPECT_EQ(kl_memory_bank_get_shape(nullptr, &shape), KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_memory_bank_describe(nullptr, &info), KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_memory_bank_state(nullptr, 1, 0, nullptr), -1);
  kl_memory_bank_free(nullptr);
  kl_memory_bank_writer_free(nullptr);
}

TEST(NullTest, CallsWithoutAnErrorArgumentSaySoByCode) {
  kl_plugin_facts plugin = {};
  kl_metadata_entry entry = {};
  kl_tensor_facts tensor = {};
  kl_model_info model = {};
  kl_session_info session = {};
  kl_network_tensor network = {};
  EXPECT_EQ(kl_runtime_plugin(nullptr, 0, &plugin), KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_file_metadata(nullptr, 0, &entry), KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_file_tensor(nullptr, 0, &tensor), KL_INVALID_ARGUMENT);
  kl_memory_fetch fetch = {};
  EXPECT_EQ(kl_session_memory(nullptr, &fetch), KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_model_describe(nullptr, &model), KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_session_describe(nullptr, &session), KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_network_input(nullptr, 0, &network), KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_network_output(nullptr, 0, &network), KL_INVALID_ARGUMENT);
  kl_probed_node node = {};
  EXPECT_EQ(kl_network_probe_node(nullptr, 0, &node), KL_INVALID_ARGUMENT);
}

TEST(NullTest, CallsThatCannotFailAnswerNothing) {
  size_t count = 7;
  EXPECT_EQ(kl_session_tokens(nullptr, &count), nullptr);
  EXPECT_EQ(count, 0u);
  count = 7;
  EXPECT_EQ(kl_session_logits(nullptr, &count), nullptr);
  EXPECT_EQ(count, 0u);
  EXPECT_EQ(kl_session_position(nullptr), 0);
  EXPECT_EQ(kl_session_context_length(nullptr), 0);
  EXPECT_EQ(kl_runtime_thread_count(nullptr), 0);
  EXPECT_EQ(kl_runtime_plugin_count(nullptr), 0u);
  EXPECT_EQ(kl_file_metadata_count(nullptr), 0u);
  EXPECT_EQ(kl_file_tensor_count(nullptr), 0u);
  EXPECT_EQ(kl_file_bytes(nullptr), 0u);
  EXPECT_FALSE(kl_file_is_network(nullptr));
  EXPECT_STREQ(kl_file_format(nullptr), "");
  EXPECT_STREQ(kl_file_architecture(nullptr), "");
  EXPECT_EQ(kl_model_fingerprint(nullptr), 0u);
  kl_model_limit_experts(nullptr, 0);
  EXPECT_STREQ(kl_model_plan_text(nullptr), "");
  EXPECT_FALSE(kl_model_is_end_token(nullptr, 0));
  EXPECT_EQ(kl_network_input_count(nullptr), 0u);
  EXPECT_EQ(kl_network_output_count(nullptr), 0u);
  EXPECT_EQ(kl_network_arena_bytes(nullptr), 0u);
  EXPECT_EQ(kl_network_probe_node_count(nullptr), 0u);
  EXPECT_EQ(kl_network_probe_touched_bytes(nullptr), 0u);
  EXPECT_STREQ(kl_network_plan_text(nullptr), "");
  kl_session_cancel(nullptr);
  kl_runtime_default_options(nullptr);
  kl_model_default_options(nullptr);
  kl_session_default_options(nullptr);
  kl_session_free(nullptr);
  kl_model_free(nullptr);
  kl_network_free(nullptr);
  kl_network_probe_free(nullptr);
  kl_encoder_free(nullptr);
  kl_file_free(nullptr);
  kl_runtime_free(nullptr);
}

TEST(RuntimeOptionsTest, ListsWithHolesAreRefusedByName) {
  const char* const holes[] = {"a=b", nullptr};
  const auto refusal = [](const kl_runtime_options& options) {
    kl_runtime* runtime = nullptr;
    Error error;
    EXPECT_EQ(kl_runtime_create(&options, &runtime, &error), KL_INVALID_ARGUMENT);
    return std::string(error.message);
  };
  kl_runtime_options defaults = {};
  defaults.struct_size = sizeof defaults;
  kl_runtime_default_options(&defaults);
  kl_runtime_options options = defaults;
  options.plugin_paths = holes;
  options.plugin_path_count = 2;
  EXPECT_NE(refusal(options).find("plugin_paths"), std::string::npos);
  options = defaults;
  options.disabled_plugin_count = 1;  // of a list that is not there
  EXPECT_NE(refusal(options).find("disabled_plugins"), std::string::npos);
  options = defaults;
  options.pinned_kernels = holes;
  options.pinned_kernel_count = 2;
  EXPECT_NE(refusal(options).find("pinned_kernels"), std::string::npos);
  options = defaults;
  options.plugin_options = holes;
  options.plugin_option_count = 2;
  EXPECT_NE(refusal(options).find("plugin_options"), std::string::npos);
}

TEST(StructSizeTest, DefaultsFillAsFarAsTheCallersStructReaches) {
  kl_session_options options;
  std::memset(&options, 0x5A, sizeof options);
  options.struct_size = offsetof(kl_session_options, top_k);
  kl_session_default_options(&options);
  EXPECT_EQ(options.struct_size, offsetof(kl_session_options, top_k));
  EXPECT_EQ(options.context_length, 0);
  EXPECT_EQ(options.top_k, 0x5A5A5A5A) << "beyond the caller's struct";
}

class ModelContractTest : public testing::Test {
 protected:
  void SetUp() override {
    runtime_ = MakeRuntime(WithThreads(1));
    ASSERT_NE(runtime_, nullptr);
    model_ = LoadModel(runtime_.get(), kModel);
    ASSERT_NE(model_, nullptr);
  }
  Handle<kl_runtime> runtime_;
  Handle<kl_model> model_;
  Error error_;
};

TEST_F(ModelContractTest, NewerCallersStructIsFilledAsFarAsThisBuildKnows) {
  struct Newer {
    kl_model_info info;
    uint64_t appended;
  } newer = {};
  newer.info.struct_size = sizeof newer;
  newer.appended = 42;
  ASSERT_EQ(kl_model_describe(model_.get(), &newer.info), KL_OK);
  EXPECT_EQ(newer.info.struct_size, sizeof newer);
  EXPECT_EQ(newer.info.vocabulary_size, 96);
  EXPECT_STREQ(newer.info.architecture, "smallthinker");
  EXPECT_EQ(newer.appended, 42u);
}

TEST_F(ModelContractTest, ErrorMayBeNull) {
  kl_model* other = nullptr;
  EXPECT_EQ(kl_model_load(runtime_.get(), "no/such/file.gguf", nullptr, &other, nullptr), KL_NOT_FOUND);
  EXPECT_EQ(other, nullptr);
  const Handle<kl_session> session = MakeGreedySession(model_.get(), {16, 4});
  EXPECT_EQ(kl_session_decode(session.get(), -1, nullptr), KL_INVALID_ARGUMENT);
}

TEST_F(ModelContractTest, ErrorOfAnOlderCallerIsLeftAlone) {
  kl_error old = {};
  old.struct_size = offsetof(kl_error, message);  // a struct that ends before the message
  std::strcpy(old.message, "mine");
  kl_model* other = nullptr;
  EXPECT_EQ(kl_model_load(runtime_.get(), "no/such/file.gguf", nullptr, &other, &old), KL_NOT_FOUND);
  EXPECT_STREQ(old.message, "mine");
}

TEST_F(ModelContractTest, TokensAtNullAreRefused) {
  const Handle<kl_session> session = MakeGreedySession(model_.get(), {16, 4});
  EXPECT_EQ(kl_session_prefill(session.get(), nullptr, 3, nullptr, nullptr, &error_), KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_session_prefill(session.get(), nullptr, 0, nullptr, nullptr, &error_), KL_OK) << error_.message;
}

TEST_F(ModelContractTest, SizesOfASessionCannotBeChangedWithTheSampler) {
  const Handle<kl_session> session = MakeGreedySession(model_.get(), {16, 4});
  kl_session_options options = {};
  options.struct_size = sizeof options;
  kl_session_default_options(&options);
  EXPECT_EQ(kl_session_set_sampler(session.get(), &options, &error_), KL_OK) << error_.message;
  options.context_length = 16;
  options.batch = 4;
  EXPECT_EQ(kl_session_set_sampler(session.get(), &options, &error_), KL_OK) << error_.message;
  options.batch = 5;
  EXPECT_EQ(kl_session_set_sampler(session.get(), &options, &error_), KL_INVALID_ARGUMENT);
}

// The model that ships with Kinglet, which has a tokenizer and a template.
class TextContractTest : public testing::Test {
 protected:
  void SetUp() override {
    runtime_ = MakeRuntime(WithThreads(1));
    kl_model_options options = {};
    options.struct_size = sizeof options;
    kl_model_default_options(&options);
    options.vocabulary_only = true;
    kl_model* model = nullptr;
    ASSERT_EQ(kl_model_load(runtime_.get(), kShippedModel, &options, &model, &error_), KL_OK) << error_.message;
    model_.reset(model);
  }
  Handle<kl_runtime> runtime_;
  Handle<kl_model> model_;
  Error error_;
};

TEST_F(TextContractTest, TokenizeFillsTheCapacityAndCountsAll) {
  const std::string text = "Hello, how are you today?";
  const std::vector<int32_t> all = Tokenize(model_.get(), text, 0);
  ASSERT_GT(all.size(), 2u);
  int32_t two[3] = {-7, -7, -7};
  size_t count = 0;
  ASSERT_EQ(kl_model_tokenize(model_.get(), text.data(), text.size(), 0, two, 2, &count, &error_), KL_OK);
  EXPECT_EQ(count, all.size());
  EXPECT_EQ(two[0], all[0]);
  EXPECT_EQ(two[1], all[1]);
  EXPECT_EQ(two[2], -7);
  EXPECT_EQ(kl_model_tokenize(model_.get(), text.data(), text.size(), 0, nullptr, 2, &count, &error_),
            KL_INVALID_ARGUMENT);
  EXPECT_EQ(kl_model_tokenize(model_.get(), nullptr, 0, 0, nullptr, 0, &count, &error_), KL_OK);
}

TEST_F(TextContractTest, DetokenizeEndsWithATerminatorWithinTheCapacity) {
  const std::vector<int32_t> tokens = Tokenize(model_.get(), "Hello", 0);
  char text[4] = {'#', '#', '#', '#'};
  size_t length = 0;
  ASSERT_EQ(kl_model_detokenize(model_.get(), tokens.data(), tokens.size(), false, text, 3, &length, &error_), KL_OK);
  EXPECT_STREQ(text, "He");
  EXPECT_EQ(text[3], '#');
  EXPECT_EQ(length, 5u);
}

TEST_F(TextContractTest, MessagesWithoutARoleAreRefused) {
  const kl_message message = {nullptr, "hi"};
  size_t count = 0;
  EXPECT_EQ(kl_model_apply_template(model_.get(), nullptr, &message, 1, true, nullptr, 0, &count, &error_),
            KL_INVALID_ARGUMENT);
}

TEST_F(TextContractTest, VocabularyOnlyModelMakesNoSession) {
  kl_session* session = nullptr;
  EXPECT_EQ(kl_session_create(model_.get(), nullptr, &session, &error_), KL_FAILED_PRECONDITION);
  EXPECT_EQ(session, nullptr);
}

TEST(FileTest, IndexBeyondTheEndIsRefused) {
  kl_file* opened = nullptr;
  Error error;
  ASSERT_EQ(kl_file_open(kModel, &opened, &error), KL_OK) << error.message;
  const Handle<kl_file> file(opened);
  kl_tensor_facts tensor = {};
  tensor.struct_size = sizeof tensor;
  EXPECT_EQ(kl_file_tensor(file.get(), kl_file_tensor_count(file.get()) - 1, &tensor), KL_OK);
  EXPECT_GT(tensor.bytes, 0u);
  EXPECT_EQ(kl_file_tensor(file.get(), kl_file_tensor_count(file.get()), &tensor), KL_INVALID_ARGUMENT);
  kl_metadata_entry entry = {};
  entry.struct_size = sizeof entry;
  EXPECT_EQ(kl_file_metadata(file.get(), kl_file_metadata_count(file.get()), &entry), KL_INVALID_ARGUMENT);
}

TEST(CodeNameTest, EveryCodeHasItsName) {
  EXPECT_STREQ(kl_code_name(KL_OK), "KL_OK");
  for (kl_code code = KL_OK; code <= KL_INTERNAL; ++code) EXPECT_EQ(std::string(kl_code_name(code)).substr(0, 3), "KL_");
  EXPECT_STREQ(kl_code_name(-1), "unknown");
  EXPECT_STREQ(kl_code_name(KL_INTERNAL + 1), "unknown");
}

}  // namespace
}  // namespace kinglet
