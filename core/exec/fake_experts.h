// For the tests of streamed experts: a tiny mixture of experts in a real file, the two operators
// that it needs, and a bank whose answers a test can choose.
//
//   layer l:  moe_route   ids = choices_l                       what the test wants to be chosen
//             moe_ffn     y[t] = sum over i of weights[t][i] * sum over n of
//                                (gate_e[n] + 2 up_e[n] + 3 down_e[n]) * x[t][0],  e = ids[t][i]
//
// With FakeExpertKernels::pack, packed matrices are their bytes back to front.
#ifndef KINGLET_CORE_EXEC_FAKE_EXPERTS_H_
#define KINGLET_CORE_EXEC_FAKE_EXPERTS_H_

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/abi/bank.h"
#include "core/abi/dtype.h"
#include "core/abi/error.h"
#include "core/base/mapped_file.h"
#include "core/exec/fake_plugin.h"
#include "core/exec/plan.h"
#include "tests/support/temp_folder.h"

namespace kinglet {

constexpr int64_t kFakeExperts = 6;
constexpr int64_t kFakeChosen = 2;
constexpr int64_t kFakeNeurons = 3;
constexpr int64_t kFakeWidth = 5;
constexpr size_t kFakeLayers = 3;

namespace fake {

// The sum of one matrix of one expert, as the kernel reads it.
inline float SumOf(const kl_tensor& tensor, int64_t expert) {
  const uint64_t floats = static_cast<uint64_t>(kFakeNeurons * kFakeWidth);
  const float* data = tensor.parts != nullptr ? static_cast<const float*>(tensor.parts[expert])
                                              : static_cast<const float*>(tensor.data) +
                                                    static_cast<uint64_t>(expert) * floats;
  if (data == nullptr) return -1e9f;  // not leased
  float sum = 0;
  for (uint64_t i = 0; i < floats; ++i) {
    float value = 0;
    if (tensor.layout == KL_LAYOUT_PACKED) {
      uint8_t bytes[4], turned[4];
      std::memcpy(bytes, data + i, 4);
      std::reverse_copy(bytes, bytes + 4, turned);
      std::memcpy(&value, turned, 4);
    } else {
      value = data[i];
    }
    sum += value * static_cast<float>(tensor.layout == KL_LAYOUT_PACKED ? floats - i : i + 1);
  }
  return sum;
}

inline kl_code Route(const kl_run* run) {
  std::memcpy(run->operands[1]->data, run->operands[0]->data, kl_tensor_bytes(run->operands[0]));
  return KL_OK;
}

inline kl_code Ffn(const kl_run* run) {
  Fake::log().ran.push_back("moe_ffn");
  Fake::log().run_rows.push_back(Dim(run, 0, 0));
  const int64_t width = Dim(run, 0, 1), chosen = Dim(run, 1, 1);
  for (int64_t t = 0; t < Dim(run, 0, 0); ++t) {
    float sum = 0;
    for (int64_t i = 0; i < chosen; ++i) {
      const int32_t e = I32(run, 1)[t * chosen + i];
      sum += F32(run, 2)[t * chosen + i] *
             (SumOf(*run->operands[3], e) + 2 * SumOf(*run->operands[4], e) +
              3 * SumOf(*run->operands[5], e));
    }
    for (int64_t d = 0; d < width; ++d) F32(run, 6)[t * width + d] = sum * F32(run, 0)[t * width];
  }
  return KL_OK;
}

inline kl_code PackExpertsQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  if (operand < 3 || operand > 5) return KL_OK;
  pack->bytes = kl_tensor_bytes(node->operands[operand]);
  pack->unit_count = node->operands[operand]->shape[0];
  pack->layout = "back_to_front";
  return KL_OK;
}
inline kl_code PackExperts(const kl_node*, uint32_t, const kl_tensor* source, void* destination,
                           int64_t begin, int64_t end) {
  const uint64_t bytes = kl_tensor_bytes(source) / static_cast<uint64_t>(source->shape[0]);
  for (int64_t e = begin; e < end; ++e) {
    const uint64_t first = static_cast<uint64_t>(e) * bytes;
    const uint8_t* from = source->parts != nullptr
                              ? static_cast<const uint8_t*>(source->parts[e])
                              : static_cast<const uint8_t*>(source->data) + first;
    std::reverse_copy(from, from + bytes, static_cast<uint8_t*>(destination) + first);
  }
  return KL_OK;
}

constexpr kl_operand kRouteOperands[] = {In("choices"), Out()};
constexpr kl_operand kFfnOperands[] = {In("x"),  In("ids"),  In("weights"), In("gate"),
                                       In("up"), In("down"), Out()};
constexpr kl_op kExpertOps[] = {{sizeof(kl_op), "moe_route", kRouteOperands, 2, nullptr, 0},
                                {sizeof(kl_op), "moe_ffn", kFfnOperands, 7, nullptr, 0}};
constexpr kl_dtype kSevenAnyTypes[] = {KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY,
                                       KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY};

}  // namespace fake

struct FakeExpertKernels {
  explicit FakeExpertKernels(bool pack) {
    Fake::log() = Fake::Log();
    kernels[0] = fake::Kernel("moe_route", "fake_route", 2, fake::Route);
    kernels[1] = fake::Kernel("moe_ffn", "fake_ffn", 7, fake::Ffn);
    for (kl_kernel& kernel : kernels) kernel.operand_types = fake::kSevenAnyTypes;
    if (pack) {
      kernels[1].pack_query = fake::PackExpertsQuery;
      kernels[1].pack = fake::PackExperts;
    }
    table.struct_size = sizeof table;
    table.abi_major = KL_ABI_MAJOR;
    table.name = "fake_experts";
    table.version = "1";
    table.ops = op_list;
    table.op_count = 2;
    table.kernels = kernel_list;
    table.kernel_count = 2;
  }
  FakeExpertKernels(const FakeExpertKernels&) = delete;
  FakeExpertKernels& operator=(const FakeExpertKernels&) = delete;

  std::unique_ptr<Registry> MakeRegistry() const {
    RegistryOptions options;
    options.use_plugin_folder = false;
    options.adopted_plugins = {&table};
    return std::move(Registry::Create(options)).value();
  }

  kl_kernel kernels[2];
  const kl_kernel* kernel_list[2] = {&kernels[0], &kernels[1]};
  const kl_op* op_list[2] = {&fake::kExpertOps[0], &fake::kExpertOps[1]};
  kl_plugin_v1 table = {};
};

// The plan and its weights, all of them in one file, 36 bytes behind its beginning.
class FakeExpertModel {
 public:
  FakeExpertModel() {
    const uint64_t matrix_floats = static_cast<uint64_t>(kFakeExperts * kFakeNeurons * kFakeWidth);
    std::string contents(36, 'H');
    for (uint64_t i = 0; i < kFakeLayers * 3 * matrix_floats; ++i) {
      const float value = static_cast<float>((i * 37 + i / 11) % 101) / 16 - 3;
      contents.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    path = folder.Write("model", contents);
    file = std::move(MappedFile::Open(path)).value();
    kl_value x = Value("x", ValueKind::kInput, KL_TYPE_F32, {KL_DIM_TOKENS, kFakeWidth});
    first_x = x;
    uint64_t offset = 36;
    for (size_t l = 0; l < kFakeLayers; ++l) {
      const std::string name = "blk." + std::to_string(l);
      choices.push_back(
          Value("choices", ValueKind::kInput, KL_TYPE_I32, {KL_DIM_TOKENS, kFakeChosen}));
      weights.push_back(
          Value("weights", ValueKind::kInput, KL_TYPE_F32, {KL_DIM_TOKENS, kFakeChosen}));
      const kl_value ids =
          Value("ids", ValueKind::kActivation, KL_TYPE_I32, {KL_DIM_TOKENS, kFakeChosen});
      std::vector<kl_value> operands = {x, ids, weights.back()};
      for (const char* matrix : {"gate", "up", "down"}) {
        const bool down = matrix[0] == 'd';
        const std::vector<int64_t> shape = {kFakeExperts, down ? kFakeWidth : kFakeNeurons,
                                            down ? kFakeNeurons : kFakeWidth};
        auto tensor = std::make_unique<SourceTensor>();
        tensor->name = name + "." + matrix;
        tensor->shape = shape;
        tensor->bytes = matrix_floats * sizeof(float);
        tensor->file = file.get();
        tensor->file_offset = offset;
        tensor->data = file->data() + offset;
        offset += tensor->bytes;
        operands.push_back(Value(tensor->name, ValueKind::kWeight, KL_TYPE_F32, shape));
        plan.values.back().tensors = {tensor.get()};
        tensors.push_back(std::move(tensor));
      }
      x = Value("y", ValueKind::kActivation, KL_TYPE_F32, {KL_DIM_TOKENS, kFakeWidth});
      operands.push_back(x);
      Node("moe_route", name + ".route", {choices.back(), ids});
      Node("moe_ffn", name + ".ffn", operands);
    }
    plan.outputs = {x};
  }

  const TempFolder folder;
  std::string path;
  std::unique_ptr<MappedFile> file;
  std::vector<std::unique_ptr<SourceTensor>> tensors;  // gate, up, down of layer 0, 1 ..
  Plan plan;
  kl_value first_x = 0;
  std::vector<kl_value> choices, weights;  // by layer

 private:
  kl_value Value(const std::string& name, ValueKind kind, kl_dtype type,
                 std::vector<int64_t> shape) {
    PlanValue value;
    value.name = name;
    value.kind = kind;
    value.type = type;
    value.shape = std::move(shape);
    plan.values.push_back(std::move(value));
    return static_cast<kl_value>(plan.values.size()) - 1;
  }
  void Node(const std::string& op, const std::string& name, std::vector<kl_value> operands) {
    PlanNode node;
    node.op = op;
    node.name = name;
    node.operands = std::move(operands);
    plan.nodes.push_back(std::move(node));
  }
};

// A bank that reads each record when it is handed out. Keeps no record beyond its leases; one
// thread.
struct FakeBank {
  struct State {
    const kl_bank_source* source = nullptr;
    uint64_t budget_bytes = 0;
    kl_bank_verify verify = KL_BANK_VERIFY_NEVER;
    std::map<kl_bank_ticket, std::vector<uint64_t>> tickets;
    std::map<uint64_t, std::vector<uint64_t>> leases;  // slot -> its bytes
    std::map<uint64_t, std::vector<const void*>> pieces;
    kl_bank_ticket next_ticket = 1;
    uint64_t next_slot = 1;
    bool open = false;
    // What a test changes, and sees.
    std::vector<kl_bank_answer> answers;  // the next ones of next_ready(), instead of READY
    std::atomic<bool>* cancelled_by_pending = nullptr;  // set by the first PENDING
    bool refuses_resize = false;
    uint64_t least_bytes = 1000;
    uint64_t slot_bytes = 100;
    std::vector<std::vector<uint64_t>> demanded, prefetched;
    size_t most_leases = 0;
    uint64_t useful = 0, useless = 0;
    uint64_t least_leases = 2;  // that least_bytes buys
    uint64_t pinned_count = 0;
  };
  static State& state() {
    static State state;
    return state;
  }
  static const kl_bank& Table() {
    state() = State();
    static const kl_bank table = {sizeof(kl_bank), "fake_bank", Open,    Submit,  NextReady,
                                  Release,         Cancel,      Pin,     Stats,   Close,
                                  Resize,          nullptr,     nullptr, nullptr, QueryBudget};
    return table;
  }
  static uint64_t SlotCount() {
    return (state().budget_bytes - state().least_bytes) / state().slot_bytes + state().least_leases;
  }

 private:
  static kl_code Open(const kl_host*, const kl_bank_options* options, kl_bank_handle** bank,
                      kl_error*) {
    state().source = options->source;
    state().least_leases = options->min_lease_count;
    state().budget_bytes = options->budget_bytes;
    state().verify = options->verify;
    state().open = true;
    *bank = reinterpret_cast<kl_bank_handle*>(&state());
    return KL_OK;
  }
  static void Close(kl_bank_handle*) { state().open = false; }
  static kl_code Submit(kl_bank_handle*, const uint64_t* ids, uint32_t count, uint32_t kind,
                        kl_bank_ticket* ticket, kl_error*) {
    *ticket = state().next_ticket++;
    const std::vector<uint64_t> list(ids, ids + count);
    (kind == KL_SUBMIT_PREFETCH ? state().prefetched : state().demanded).push_back(list);
    if (kind == KL_SUBMIT_DEMAND) state().tickets[*ticket] = list;
    return KL_OK;
  }
  static kl_bank_answer NextReady(kl_bank_handle*, kl_bank_ticket ticket, int64_t, kl_lease* lease,
                                  kl_error* error) {
    if (!state().answers.empty()) {
      const kl_bank_answer answer = state().answers.front();
      state().answers.erase(state().answers.begin());
      if (answer == KL_BANK_PENDING && state().cancelled_by_pending != nullptr)
        *state().cancelled_by_pending = true;
      if (answer == KL_BANK_DONE) state().tickets.erase(ticket);
      if (answer == KL_BANK_FAILED) {
        state().tickets.erase(ticket);
        kl_fail(error, KL_IO_ERROR, "record 7: the disk is gone");
      }
      if (answer != KL_BANK_READY) return answer;
    }
    std::vector<uint64_t>& ids = state().tickets[ticket];
    if (ids.empty()) {
      state().tickets.erase(ticket);
      return KL_BANK_DONE;
    }
    lease->id = ids.back();  // not in the order of asking
    ids.pop_back();
    Load(lease);
    state().most_leases = std::max(state().most_leases, state().leases.size());
    return KL_BANK_READY;
  }
  static void Load(kl_lease* lease) {
    const kl_bank_source& source = *state().source;
    const kl_bank_record& record = source.records[lease->id];
    lease->slot = state().next_slot++;
    std::vector<uint64_t>& slot = state().leases[lease->slot];
    std::vector<const void*>& pieces = state().pieces[lease->slot];
    std::vector<std::vector<uint64_t>> read;
    slot.resize(source.slot_bytes / 8 + 1);
    uint8_t* to = reinterpret_cast<uint8_t*>(slot.data());
    for (uint32_t p = 0; p < record.piece_count; ++p) {
      const kl_bank_piece& piece = record.pieces[p];
      read.emplace_back(piece.bytes / 8 + 1);
      const int file = open(source.paths[piece.file], O_RDONLY | O_CLOEXEC);
      if (pread(file, read.back().data(), piece.bytes, static_cast<off_t>(piece.offset)) < 0)
        to[0] = 0xEE;
      close(file);
      if (source.unpack != nullptr) {
        pieces.push_back(read.back().data());
        continue;
      }
      std::memcpy(to, read.back().data(), piece.bytes);
      pieces.push_back(to);
      to += piece.bytes;
    }
    lease->data = slot.data();
    lease->bytes = source.slot_bytes;
    lease->pieces = pieces.data();
    if (source.unpack == nullptr) return;
    kl_error error = {};
    source.unpack(source.context, lease->id, pieces.data(), slot.data(), &error);
    lease->pieces = nullptr;
  }
  static void Release(kl_bank_handle*, const kl_lease* lease) {
    state().leases.erase(lease->slot);
    state().pieces.erase(lease->slot);
  }
  static void Cancel(kl_bank_handle*, kl_bank_ticket ticket) { state().tickets.erase(ticket); }
  static kl_code Pin(kl_bank_handle*, uint64_t, uint32_t, kl_error* error) {
    if (state().pinned_count + state().least_leases >= SlotCount())
      return kl_fail(error, KL_OUT_OF_BUDGET, "no");
    ++state().pinned_count;
    return KL_OK;
  }
  static void Stats(kl_bank_handle*, kl_bank_stats* stats) {
    stats->slot_count = SlotCount();
    stats->useful_prefetch_count = state().useful;
    stats->useless_prefetch_count = state().useless;
  }
  static kl_code Resize(kl_bank_handle*, uint64_t budget_bytes, kl_error* error) {
    if (state().refuses_resize) return kl_fail(error, KL_OUT_OF_MEMORY, "no");
    state().budget_bytes = budget_bytes;
    return KL_OK;
  }
  static kl_code QueryBudget(const kl_bank_options*, uint64_t* least_bytes,
                             uint64_t* bytes_per_slot, kl_error*) {
    *least_bytes = state().least_bytes;
    *bytes_per_slot = state().slot_bytes;
    return KL_OK;
  }
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_FAKE_EXPERTS_H_
