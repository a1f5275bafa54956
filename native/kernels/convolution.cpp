// Convolution and its transpose, as products of matrices of which one is never made.
//
//   name            integers                                     inputs                    of
//   conv            groups; stride, padding, dilation an axis    x, kernel                 floats
//   conv_transpose  the same                                     y, kernel                 floats
//
// The output's rows are its positions, and the inner dimension is what the window sees, tap by tap
// and channel by channel. The work is cut into blocks of positions of one image. A block's part of
// the image is copied with its padding (patch.hpp), and tiles read what their positions see as runs
// of it (run_tile.hpp); the kernel is packed into strips once. The transpose is the same sum with
// other taps: for a stride of s an axis has s phases, each a convolution of stride 1 whose outputs
// lie s apart (sliding.hpp). Two kinds are computed in another way: where images fill vectors
// better than channels (convolution_choice.hpp), and where each channel is by itself
// (depthwise.hpp).

#include <tuple>

#include "../flushing.hpp"
#include "convolution_choice.hpp"
#include "copying.hpp"
#include "depthwise.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

// How many channels a tile of positions has as columns.
template <class T>
Index channel_strip(Index outer) {
    return outer <= vector_lanes<T> ? vector_lanes<T> : run_columns<T>;
}

template <class T>
class Convolution {
 public:
    Convolution(const Convolving& of, const T* from, T* packed, Epilogue epilogue)
        : of_(of),
          from_(from),
          strips_(of, packed, channel_strip<T>(of.outer())),
          epilogue_(epilogue),
          parts_(parts_of(of)),
          inner_(of.inner()),
          outer_(of.outer()),
          image_{from, {1, 1, 1}, inner_ * of.groups} {
        const int rank = of.from.axes - 2;
        for (int axis = 0; axis < rank; ++axis) {
            image_.shape[most_space - rank + axis] = of.from.shape[axis + 1];
            to_shape_[most_space - rank + axis] = of.to.shape[axis + 1];
        }
        for (Part& part : parts_) {
            part.block = block_size<T>(part.phases, inner_, std::max<Index>(16, 2 * run_rows<2>));
            // A small batch is cut finer, so that every thread has something to do.
            const auto blocks = [&] {
                return of.from.shape[0] * of.groups * part.phases[0]->count *
                       ceiling(part.phases[1]->count, part.block.lines);
            };
            while (part.block.lines > 1 && blocks() < 24 &&
                   work(part, part.block.lines) > 2 * least_work) {
                part.block.lines = (part.block.lines + 1) / 2;
            }
            part.lines = ceiling(part.phases[1]->count, part.block.lines);
            part.across = ceiling(part.phases[2]->count, part.block.positions);
            part.units = part.phases[0]->count * part.lines * part.across;
        }
    }

    void run(const Pool& pool) const {
        strips_.pack(parts_, pool);
        for (const Part& part : parts_) {
            const Index units = of_.from.shape[0] * of_.groups * part.units;
            const Index together = std::max<Index>(1, least_work / work(part, part.block.lines));
            pool.run(ceiling(units, together), [&](Index piece) {
                RunList runs;
                const Index end = std::min(units, (piece + 1) * together);
                for (Index unit = piece * together; unit < end; ++unit) block(part, unit, runs);
            });
        }
    }

 private:
    static constexpr Index least_work = 1 << 18;  // products

    Index work(const Part& part, Index lines) const {
        return lines * part.block.positions * (part.depth * outer_ + inner_) + 1;
    }

    // Whether positions are a tile's columns and the kernel's are its rows, instead of the other
    // way: a tile with few columns loads as much as it computes.
    bool turned(const Part& part) const {
        return outer_ <= vector_lanes<T> && part.phases[2]->move == 1 &&
               part.phases[2]->count >= vector_lanes<T>;
    }

    // The runs of a patch that a position sees, of some channels.
    void find_runs(const Part& part, const Patch<T>& patch, Index channel, Index channels,
                   RunList& runs) const {
        const auto& [depths, heights, widths] = part.phases;
        const Index apart = strips_.width();
        runs.start(part.depth / std::max<Index>(inner_, 1) * channels, patch.channel, apart);
        Index row = channel;
        for (const Tap& depth : depths->taps) {
            for (const Tap& height : heights->taps) {
                for (const Tap& width : widths->taps) {
                    runs.add(channels,
                             (depth.offset - depths->first()) * patch.plane +
                                 (height.offset - heights->first()) * patch.line +
                                 (width.offset - widths->first()) * patch.pixel,
                             row * apart);
                    row += inner_;
                }
            }
        }
        runs.finish();
        if (turned(part)) {
            for (Run& run : runs.runs) std::swap(run.a, run.b);
        }
    }

    // Some positions of a line, for all columns of a strip. `image`: what the first of them sees.
    void line_of(const Part& part, std::span<const Run> runs, const Patch<T>& patch, const T* image,
                 const T* strip, T* to, Index positions, Index columns, bool add) const {
        const Index next = part.phases[2]->step * outer_ * of_.groups, width = strips_.width();
        const Index count = std::ssize(runs), move = part.phases[2]->move * patch.pixel;
        if (!turned(part)) {
            run_column<T>(
                positions,
                {runs.data(), count, {image, move, 1}, strip, width, {to, next, 1}, columns, add});
            return;
        }
        for (Index i = 0; i < positions; i += run_columns<T>) {
            const Index some = std::min<Index>(run_columns<T>, positions - i);
            run_column<T>(columns, {runs.data(),
                                    count,
                                    {strip, 1, width},
                                    image + i,
                                    patch.channel,
                                    {to + i * next, 1, next},
                                    some,
                                    add});
        }
    }

    void block(const Part& part, Index unit, RunList& runs) const {
        const auto& [depths, heights, widths] = part.phases;
        const Index w = unit % part.across * part.block.positions;
        unit /= part.across;
        const Index h = unit % part.lines * part.block.lines;
        unit /= part.lines;
        const Index d = unit % depths->count;
        unit /= depths->count;
        const Index group = unit % of_.groups, entry = unit / of_.groups;
        const Index lines = std::min(part.block.lines, heights->count - h);
        const Index positions = std::min(part.block.positions, widths->count - w);
        const Index image = image_.shape[0] * image_.shape[1] * image_.shape[2] * image_.channels;
        const Image<T> own{from_ + entry * image, image_.shape, image_.channels};

        const auto place = [&](Index line) {  // the output's row where a line begins
            return ((entry * to_shape_[0] + depths->start + d * depths->step) * to_shape_[1] +
                    heights->start + (h + line) * heights->step) *
                       to_shape_[2] +
                   widths->start + w * widths->step;
        };
        const Index channels = outer_ * of_.groups;
        T* to = of_.to.as<T>() + group * outer_;
        for (Index c = 0; c < std::max<Index>(inner_, 1); c += part.block.channels) {
            const Flushing flushing;
            const Index some = std::min(part.block.channels, inner_ - c);
            const Box box =
                seen(part.phases, {d, h, w}, {1, lines, positions}, group * inner_ + c, some);
            const Patch<T> patch = turned(part) ? turned_patch_of(own, box) : patch_of(own, box);
            find_runs(part, patch, c, some, runs);
            for (Index j = 0; j < outer_; j += run_columns<T>) {
                const T* strip = strips_.at(part, group, j);
                const Index columns = std::min<Index>(run_columns<T>, outer_ - j);
                Index begin = 0;
                for (const Index end : runs.ends) {
                    for (Index line = 0; line < lines; ++line) {
                        line_of(part, {runs.runs.data() + begin, runs.runs.data() + end}, patch,
                                patch.data + line * heights->move * patch.line, strip,
                                to + place(line) * channels + j, positions, columns,
                                c > 0 || begin > 0);
                    }
                    begin = end;
                }
            }
            if (part.block.channels == 0) break;
        }
        if (epilogue_.call == nullptr) return;
        // Rows of the output that follow each other, in one call: whole lines, where they do.
        if (widths->step == 1 && heights->step == 1 && positions == to_shape_[2]) {
            return epilogue_(place(0), group * outer_, lines * positions, outer_);
        }
        for (Index line = 0; line < lines; ++line) {
            const Index together = widths->step == 1 ? positions : 1;
            for (Index i = 0; i < positions; i += together) {
                epilogue_(place(line) + i * widths->step, group * outer_, together, outer_);
            }
        }
    }

    const Convolving& of_;
    const T* from_;
    Strips<T> strips_;
    Epilogue epilogue_;
    std::vector<Part> parts_;
    Index inner_, outer_;
    Image<T> image_;
    std::array<Index, most_space> to_shape_{1, 1, 1};
};

Convolving convolving(const Call& call, bool back) {
    const Array &first = call.inputs[0], &kernel = call.inputs[1], &last = call.outputs[0];
    Convolving of{first, kernel, last, call.integers[0], {}, back};
    const auto axes =
        slides(back ? last : first, back ? first : last, kernel.shape, call.integers.subspan(1));
    for (int axis = 0; axis < most_space; ++axis) {
        of.phases[axis] = back ? phases_back(axes[axis]) : phases_forward(axes[axis]);
    }
    return of;
}

template <bool back>
std::string check(const Call& call) {
    if (call.inputs.size() != 2 || call.outputs.size() != 1 || call.integers.empty()) {
        return "a convolution has two inputs, one output and its settings";
    }
    const Array &first = call.inputs[0], &kernel = call.inputs[1], &last = call.outputs[0];
    const Array &x = back ? last : first, &y = back ? first : last;
    const std::string refused = convolution_refused(x, kernel, y, call.integers);
    if (!refused.empty()) return refused;
    return last.contiguous() ? "" : "the output of a convolution is contiguous";
}

template <bool back>
std::size_t workspace(const Call& call) {
    Room room;
    settled(call.inputs[0], room);
    return room.used + convolution_workspace(convolving(call, back));
}

template <bool back>
Fault run(const Call& call) {
    if (call.outputs[0].size() == 0) return {};
    Room room{call.workspace};
    const Array place = settled(call.inputs[0], room);
    const Array& from = filled(call.inputs[0], place, call.pool);
    const Array inputs[] = {from, call.inputs[1]};
    Call own = call;
    own.inputs = inputs;
    convolution(convolving(own, back), *call.pool, call.workspace + room.used, call.epilogue);
    return {};
}

const Kernel rows[] = {
    {"conv", run<false>, check<false>, workspace<false>, true},
    {"conv_transpose", run<true>, check<true>, workspace<true>},
};

}  // namespace

namespace {

template <class T>
std::size_t workspace_as(const Convolving& of) {
    if (is_depthwise<T>(of.groups, of.inner(), of.outer())) {
        return static_cast<std::size_t>(Depthwise<T>(of, nullptr, {}).size()) * sizeof(T);
    }
    if (by_images<T>(of)) return ImageConvolution<T>(of, nullptr, {}).bytes();
    return static_cast<std::size_t>(Strips<T>(of, nullptr, channel_strip<T>(of.outer())).size()) *
           sizeof(T);
}

template <class T>
void run_as(const Convolving& of, const Pool& pool, std::byte* workspace, Epilogue epilogue) {
    const T* from = of.from.as<const T>();
    if (is_depthwise<T>(of.groups, of.inner(), of.outer())) {
        return Depthwise<T>(of, reinterpret_cast<T*>(workspace), epilogue).run(from, pool);
    }
    if (by_images<T>(of)) return ImageConvolution<T>(of, workspace, epilogue).run(from, pool);
    Convolution<T>(of, from, reinterpret_cast<T*>(workspace), epilogue).run(pool);
}

}  // namespace

std::size_t convolution_workspace(const Convolving& of) {
    return of.from.dtype == Dtype::float32 ? workspace_as<float>(of) : workspace_as<double>(of);
}

void convolution(const Convolving& of, const Pool& pool, std::byte* workspace, Epilogue epilogue) {
    const auto run = of.from.dtype == Dtype::float32 ? run_as<float> : run_as<double>;
    run(of, pool, workspace, epilogue);
}

std::span<const Kernel> convolution_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
