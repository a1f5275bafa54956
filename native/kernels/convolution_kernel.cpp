// The sum of products of inputs and outputs that each tap of a kernel joins: its gradient.
//
//   name         integers                                     inputs  of
//   conv_kernel  groups; stride, padding, dilation an axis    x, y    float32, float64
//
// A product of matrices with a row for each tap and input channel, a column for each output
// channel, and the positions of the whole batch as its inner dimension. As in convolution.cpp the
// first matrix is read from patches of images, here along the image. The batch is cut into slices
// by its shape alone; each adds into a kernel of its own, and these are added in order.

#include <tuple>

#include "convolution_kernel_images.hpp"
#include "copying.hpp"
#include "depthwise_kernel.hpp"
#include "gemm_plan.hpp"
#include "packing.hpp"
#include "patch.hpp"
#include "run_tile.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

// Positions that a tile takes in before it adds to memory; their lines stay in the first-level
// cache.
constexpr Index most_positions = 256;

// Rows of the kernel that lie side by side in a patch.
struct Rows {
    Index count, patch, kernel;
};

template <class T>
class KernelGradient {
 public:
    KernelGradient(const Array& x, const Array& y, const Array& kernel, Index groups,
                   std::span<const Index> numbers)
        : x_(x), y_(y), kernel_(kernel), groups_(groups) {
        const Slides axes = slides(x, y, kernel.shape, numbers);
        for (int axis = 0; axis < most_space; ++axis) {
            phases_[axis] = phases_forward(axes[axis])[0];
            phase_[axis] = &phases_[axis];
            image_.shape[axis] = axes[axis].input;
            taps_ *= axes[axis].window;
        }
        batch_ = x.shape[0];
        inner_ = x.shape[x.axes - 1] / groups;
        columns_ = y.shape[y.axes - 1];
        outer_ = columns_ / groups;
        image_.channels = inner_ * groups;
        block_ = block_size<T>(phase_, inner_, 16);
        lines_ = ceiling(phases_[1].count, std::max<Index>(block_.lines, 1));
        across_ = ceiling(phases_[2].count, std::max<Index>(block_.positions, 1));
        units_ = batch_ * phases_[0].count * lines_ * across_;
        const Index numbers_kept = std::max<Index>(taps_ * inner_ * columns_, 1);
        const Index work = units_ * block_.lines * block_.positions * numbers_kept;
        slices_ = std::min({units_, enough, std::max<Index>(most_kept / numbers_kept, 1),
                            std::max<Index>(work / least_work, 1)});
        slices_ = std::max<Index>(slices_, 1);
        together_ = ceiling(units_, slices_);
        slices_ = std::max<Index>(ceiling(units_, std::max<Index>(together_, 1)), 1);
        column_block_ = outer_;
        while (column_block_ > 2 * run_columns<T> &&
               slices_ * groups * ceiling(outer_, column_block_) < enough / 2 &&
               work / slices_ > 2 * least_work) {
            column_block_ = rounded_up(ceiling(column_block_, 2), run_columns<T>);
        }
    }

    std::size_t workspace() const {
        return slices_ > 1 ? static_cast<std::size_t>(slices_ * kernel_.size()) * sizeof(T) : 0;
    }

    void run(const T* x, const T* y, const Pool& pool, std::byte* workspace) {
        image_.data = x;
        outputs_ = y;
        if (units_ == 0) {
            std::fill_n(kernel_.as<T>(), kernel_.size(), T{});
            return;
        }
        T* parts = slices_ > 1 ? reinterpret_cast<T*>(workspace) : kernel_.as<T>();
        const Index across = ceiling(outer_, column_block_);
        pool.run(slices_ * groups_ * across, [&](Index piece) {
            const Index slice = piece / (groups_ * across), group = piece / across % groups_;
            const Index column = piece % across * column_block_;
            const Index end = std::min(units_, (slice + 1) * together_);
            const Flushing flushing;
            for (Index unit = slice * together_; unit < end; ++unit) {
                block(unit, group, column, std::min(column_block_, outer_ - column),
                      parts + slice * kernel_.size(), unit > slice * together_);
            }
        });
        if (slices_ > 1) add_slices(parts, slices_, kernel_, pool);
    }

 private:
    static constexpr Index enough = 24, most_kept = 1 << 22, least_work = 1 << 18;

    std::vector<Rows> rows_of(const Patch<T>& patch, Index channel, Index channels) const {
        std::vector<Rows> rows;
        Index row = channel;
        for (const Tap& depth : phases_[0].taps) {
            for (const Tap& height : phases_[1].taps) {
                for (const Tap& width : phases_[2].taps) {
                    const Index at = (depth.offset - phases_[0].first()) * patch.plane +
                                     (height.offset - phases_[1].first()) * patch.line +
                                     (width.offset - phases_[2].first()) * patch.pixel;
                    if (!rows.empty() && rows.back().patch + rows.back().count == at &&
                        rows.back().kernel + rows.back().count == row) {
                        rows.back().count += channels;
                    } else {
                        rows.push_back({channels, at, row});
                    }
                    row += inner_;
                }
            }
        }
        return rows;
    }

    void block(Index unit, Index group, Index column, Index columns, T* kernel, bool add) const {
        const Index w = unit % across_ * block_.positions;
        unit /= across_;
        const Index h = unit % lines_ * block_.lines;
        unit /= lines_;
        const Index d = unit % phases_[0].count, entry = unit / phases_[0].count;
        const Index lines = std::min(block_.lines, phases_[1].count - h);
        const Index positions = std::min(block_.positions, phases_[2].count - w);
        const Index image = image_.shape[0] * image_.shape[1] * image_.shape[2] * image_.channels;
        const Image<T> own{image_.data + entry * image, image_.shape, image_.channels};
        const Index row =
            ((entry * phases_[0].count + d) * phases_[1].count + h) * phases_[2].count + w;  // of y
        for (Index c = 0; c < inner_; c += block_.channels) {
            const Index some = std::min(block_.channels, inner_ - c);
            const Box box =
                seen(phase_, {d, h, w}, {1, lines, positions}, group * inner_ + c, some);
            const Patch<T> patch = patch_of(own, box);
            const std::vector<Rows> rows = rows_of(patch, c, some);
            bool adds = add;
            // As many whole lines at once as there is room for, or a part of one.
            const Index wide = std::min(positions, most_positions);
            const Index high = std::max<Index>(most_positions / wide, 1);
            for (Index line = 0; line < lines; line += high) {
                for (Index from = 0; from < positions; from += wide) {
                    const Index count = std::min(high, lines - line);
                    Run runs[most_positions];
                    for (Index i = 0; i < count; ++i) {
                        runs[i] = {std::min(wide, positions - from),
                                   i * phases_[1].move * patch.line,
                                   i * phases_[2].count * columns_};
                    }
                    const Index begin = row + line * phases_[2].count + from;
                    const T* seen_first = patch.data + line * phases_[1].move * patch.line +
                                          from * phases_[2].move * patch.pixel;
                    take(rows, {runs, static_cast<std::size_t>(count)}, seen_first,
                         phases_[2].move * patch.pixel, begin, group * outer_ + column, columns,
                         kernel, adds);
                    adds = true;
                }
            }
        }
    }

    // Adds the products of some positions, which `runs` tell, for some columns.
    void take(const std::vector<Rows>& rows, std::span<Run> runs, const T* patch, Index pixel,
              Index begin, Index column, Index columns, T* kernel, bool add) const {
        constexpr Index width = run_columns<T>;
        alignas(64) T own[most_positions * width];
        Run packed_runs[most_positions];
        Index tiles = 0;
        for (const Rows& some : rows) tiles += ceiling(some.count, run_rows<2>);
        const T* end = outputs_ + y_.size();
        for (Index j = column; j < column + columns; j += width) {
            const Index some = std::min(width, column + columns - j);
            const Index padded = some > vector_lanes<T> ? width : vector_lanes<T>;
            const T* strip = outputs_ + begin * columns_ + j;
            const T* last = strip + runs.back().b + (runs.back().depth - 1) * columns_;
            RunTile<T> tile{runs.data(),
                            std::ssize(runs),
                            {nullptr, 1, pixel},
                            strip,
                            columns_,
                            {nullptr, columns_, 1},
                            some,
                            add};
            if (last + padded > end || (columns_ > width && tiles > 3)) {
                T* to = own;
                Index taken = 0;
                for (std::size_t i = 0; i < runs.size(); ++i) {
                    packed_runs[i] = {runs[i].depth, runs[i].a, taken};
                    taken += runs[i].depth * padded;
                    const T* from = strip + runs[i].b;
                    for (Index p = 0; p < runs[i].depth; ++p, from += columns_, to += padded) {
                        if (some == width) {
                            std::memcpy(to, from, sizeof(T) * width);
                        } else {
                            std::copy_n(from, some, to);
                            std::fill(to + some, to + padded, T{});
                        }
                    }
                }
                tile.runs = packed_runs;
                tile.b = own;
                tile.b_row = padded;
            }
            for (const Rows& of : rows) {
                tile.a.data = patch + of.patch;
                tile.c.data = kernel + of.kernel * columns_ + j;
                run_column(of.count, tile);
            }
        }
    }

    const Array &x_, &y_, &kernel_;
    Index groups_, batch_ = 0, inner_ = 0, columns_ = 0, outer_ = 0, taps_ = 1;
    std::array<Phase, most_space> phases_;
    std::array<const Phase*, most_space> phase_{};
    Image<T> image_{};
    const T* outputs_ = nullptr;
    BlockSize block_{};
    Index lines_ = 0, across_ = 0, units_ = 0, slices_ = 1, together_ = 1, column_block_ = 0;
};

template <class F>
auto with_type(Dtype dtype, F f) {
    if (dtype == Dtype::float32) return f(static_cast<float*>(nullptr));
    return f(static_cast<double*>(nullptr));
}

std::string check(const Call& call) {
    if (call.inputs.size() != 2 || call.outputs.size() != 1 || call.integers.empty()) {
        return "a kernel's gradient has two inputs, one output and its settings";
    }
    const Array &x = call.inputs[0], &y = call.inputs[1], &kernel = call.outputs[0];
    const std::string refused = convolution_refused(x, kernel, y, call.integers);
    if (!refused.empty()) return refused;
    return kernel.contiguous() ? "" : "the output of a convolution is contiguous";
}

template <class T>
ImageKernelGradient<T> image_gradient(const Call& call) {
    const Array &x = call.inputs[0], &y = call.inputs[1], &kernel = call.outputs[0];
    return {x, y, kernel, slides(x, y, kernel.shape, call.integers.subspan(1))};
}

std::size_t workspace(const Call& call) {
    const Array &x = call.inputs[0], &y = call.inputs[1], &kernel = call.outputs[0];
    const Index groups = call.integers[0];
    Room room;
    settled(x, room);
    settled(y, room);
    return with_type(x.dtype, [&]<class T>(T*) {
        const auto by_images = image_gradient<T>(call);
        const DepthwiseKernel<T> depthwise(x, y, kernel, call.integers.subspan(1));
        if (depthwise.chosen(groups)) return room.used + depthwise.workspace();
        if (by_images.chosen(groups)) return room.used + by_images.workspace();
        return room.used +
               KernelGradient<T>(x, y, kernel, groups, call.integers.subspan(1)).workspace();
    });
}

Fault run(const Call& call) {
    const Array &x = call.inputs[0], &y = call.inputs[1], &kernel = call.outputs[0];
    const Index groups = call.integers[0];
    if (kernel.size() == 0) return {};
    Room room{call.workspace};
    const Array x_place = settled(x, room), y_place = settled(y, room);
    filled(x, x_place, call.pool);
    filled(y, y_place, call.pool);
    with_type(x.dtype, [&]<class T>(T*) {
        const T *from = x_place.as<const T>(), *to = y_place.as<const T>();
        const auto by_images = image_gradient<T>(call);
        const DepthwiseKernel<T> depthwise(x, y, kernel, call.integers.subspan(1));
        if (depthwise.chosen(groups)) {
            return depthwise.run(from, to, *call.pool, call.workspace + room.used);
        }
        if (by_images.chosen(groups)) {
            return by_images.run(from, to, *call.pool, call.workspace + room.used);
        }
        KernelGradient<T>(x, y, kernel, groups, call.integers.subspan(1))
            .run(from, to, *call.pool, call.workspace + room.used);
    });
    return {};
}

const Kernel rows[] = {{"conv_kernel", run, check, workspace}};

}  // namespace

std::span<const Kernel> convolution_kernel_kernels() {
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
