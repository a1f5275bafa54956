#include "composing.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace pullback {

namespace {

// A step with its form: the name of an operation, with `_` for each number that it reads.
struct Formed {
    ElementwiseStep step;
    std::string form;
};

std::string form_of(const ElementwiseStep& step) {
    std::string form = std::string(step.name) + "(";
    for (int i = 0; i < step.arity; ++i) form += i > 0 ? ",_" : "_";
    return form + ")";
}

// `form` with another in the place of one of its `_`.
std::string with_part(const std::string& form, int input, const std::string& part) {
    std::size_t at = form.find('_');
    for (; input > 0; --input) at = form.find('_', at + 1);
    return form.substr(0, at) + part + form.substr(at + 1);
}

// Makes `part` part of `whole`, whose input it is, if there is a loop for both.
bool join(const Kernels& kernels, Formed& whole, int input, const Formed& part) {
    const std::string form = with_part(whole.form, input, part.form);
    const Composition* found = kernels.find_composition(form, whole.step.made);
    if (found == nullptr) return false;
    auto& step = whole.step;
    std::vector<int> inputs(step.inputs.begin(), step.inputs.begin() + step.arity);
    inputs.erase(inputs.begin() + input);
    inputs.insert(inputs.begin() + input, part.step.inputs.begin(),
                  part.step.inputs.begin() + part.step.arity);
    step.run = found->run;
    step.arity = found->arity;
    std::copy(inputs.begin(), inputs.end(), step.inputs.begin());
    whole.form = form;
    return true;
}

}  // namespace

std::vector<ElementwiseStep> composed(const Kernels& kernels,
                                      const std::vector<ElementwiseStep>& steps,
                                      const std::vector<Store>& stores,
                                      const std::vector<Load>& single) {
    std::map<int, int> reads;  // how often each register is read, stores counted
    for (const auto& store : stores) ++reads[store.reg];
    for (const auto& step : steps) {
        for (int i = 0; i < step.arity; ++i) ++reads[step.inputs[i]];
    }
    const auto is_single = [&](int reg) {
        return std::any_of(single.begin(), single.end(),
                           [&](const Load& load) { return load.reg == reg; });
    };
    // Where a register that was read or written is written again, no step may be taken later.
    std::set<int> seen;
    const bool once = std::all_of(steps.begin(), steps.end(), [&](const ElementwiseStep& step) {
        seen.insert(step.inputs.begin(), step.inputs.begin() + step.arity);
        return seen.insert(step.output).second;
    });
    std::map<int, Formed> made;  // by their outputs
    std::vector<int> order;
    std::vector<ElementwiseStep> left;
    for (const auto& step : steps) {
        Formed formed{step, form_of(step)};
        // Division by one number has a loop of its own.
        const bool alone = step.by_number != nullptr && is_single(step.inputs[1]);
        if (alone) formed.step.run = step.by_number;
        if (!once) {
            left.push_back(formed.step);
            continue;
        }
        for (int input = alone ? 0 : formed.step.arity; input-- > 0;) {
            const int reg = formed.step.inputs[input];
            const auto part = made.find(reg);
            if (part == made.end() || reads[reg] > 1 || part->second.step.made != step.made) {
                continue;
            }
            if (join(kernels, formed, input, part->second)) made.erase(part);
        }
        order.push_back(step.output);
        made.emplace(step.output, std::move(formed));
    }
    for (const int output : order) {
        if (const auto found = made.find(output); found != made.end()) {
            left.push_back(found->second.step);
        }
    }
    return left;
}

}  // namespace pullback
