#include "makers.hpp"

#include <memory>

namespace pullback {

namespace {

constexpr std::int64_t few_numbers = 1 << 10;  // looked at sooner than measured

}  // namespace

void Makers::want(const Array& array, const Measured*& told) {
    if (array.size() <= few_numbers) return;
    Wanted& wanted = wanted_[array.data];
    if (wanted.told.empty()) wanted.array = array;
    if (wanted.array.size() == array.size()) wanted.told.push_back(&told);
}

// f of all that is wanted and shares a byte with what is written.
template <class F>
void Makers::each_touched(const Array& written, F f) {
    if (written.size() == 0 || wanted_.empty()) return;
    const auto [low, high] = extent(written);
    auto next = wanted_.lower_bound(low);
    if (next != wanted_.begin()) --next;  // it may reach beyond its beginning
    for (; next != wanted_.end() && next->first < high; ++next) {
        if (overlap(written, next->second.array)) f(next->second);
    }
}

void Makers::forget_all() {
    for (auto& [key, wanted] : wanted_) wanted.maker = nullptr;
}

void Makers::see(Task& task) {
    const auto overwrite = [&](const Array& written) {
        each_touched(written, [](Wanted& wanted) { wanted.maker = nullptr; });
    };
    if (auto* strands = std::get_if<std::unique_ptr<Strands>>(&task)) {
        (*strands)->each([&](Task& one) { see(one); });
    } else if (auto* chain = std::get_if<Chain>(&task)) {
        chain->each_store(overwrite);
    } else if (auto* call = std::get_if<KernelCall>(&task)) {
        const Array& made = call->outputs[0];
        for (const auto& output : call->outputs) overwrite(output);
        if (call->epilogue != nullptr) call->epilogue->each_store(overwrite);
        if (!call->kernel->finishes || made.axes == 0 || !made.contiguous()) return;
        const auto found = wanted_.find(made.data);
        if (found == wanted_.end()) return;
        const Array& array = found->second.array;
        if (array.size() == made.size() && array.dtype == made.dtype) found->second.maker = call;
    } else {
        forget_all();  // a loop, or a function that is called back
    }
}

void Makers::tell(const Kernels& kernels) {
    for (auto& [key, wanted] : wanted_) {
        if (wanted.maker == nullptr) continue;
        const bool single = wanted.array.dtype == Dtype::float32;
        wanted.maker->measured =
            std::make_unique<Measured>(single ? kernels.range32 : kernels.range64);
        for (const auto** told : wanted.told) *told = wanted.maker->measured.get();
    }
}

}  // namespace pullback
