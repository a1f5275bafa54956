// Compositions of elementwise operations, to the same bits as one operation after the other.
//
// What lies between two operations stays in a vector register instead of going through memory.
// They are found in chains by their form (composing.cpp). This file is compiled without fused
// multiplications, which would round once where two operations round twice.

#include <string>
#include <utility>

#include "arithmetic.hpp"
#include "loops.hpp"
#include "table.hpp"

namespace pullback::PULLBACK_ISA {

namespace {

// What a composition reads, in the order of its form.
struct Leaf {
    static constexpr int leaves = 1;
    static std::string form() {
        return "_";
    }
    template <int first, class T>
    static T of(const T* x) {
        return x[first];
    }
};

// F of parts, which are leaves or compositions.
template <class F, class... Parts>
struct Of {
    static constexpr int leaves = (Parts::leaves + ...);

    static std::string form() {
        std::string parts;
        ((parts += (parts.empty() ? "" : ",") + Parts::form()), ...);
        return std::string(F::name) + "(" + parts + ")";
    }

    template <int first, class T>
    static T of(const T* x) {
        return with_parts<first>(x, std::index_sequence_for<Parts...>{});
    }

 private:
    static constexpr int before(std::size_t part) {
        const int counts[] = {Parts::leaves...};
        int sum = 0;
        for (std::size_t i = 0; i < part; ++i) sum += counts[i];
        return sum;
    }
    template <int first, class T, std::size_t... part>
    static T with_parts(const T* x, std::index_sequence<part...>) {
        return F{}(Parts::template of<first + before(part)>(x)...);
    }
};

template <class Form, class T, std::size_t... leaf>
void loop(T* y, const void* const* inputs, std::size_t count, std::index_sequence<leaf...>) {
    const T* const from[] = {static_cast<const T*>(inputs[leaf])...};
    count = count / lanes * lanes;
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) {
        const T x[] = {from[leaf][i]...};
        y[i] = Form::template of<0>(x);
    }
}

template <class Form, class T>
void run(void* output, const void* const* inputs, const double*, std::size_t count) {
    loop<Form>(static_cast<T*>(output), inputs, count, std::make_index_sequence<Form::leaves>{});
}

template <class Form>
void add(std::vector<Composition>& rows) {
    static_assert(Form::leaves <= most_inputs);
    rows.push_back({Form::form(), Dtype::float32, Form::leaves, &run<Form, float>});
    rows.push_back({Form::form(), Dtype::float64, Form::leaves, &run<Form, double>});
}

using Product = Of<Mul, Leaf, Leaf>;
using Scaled = Of<Scale, Leaf, Leaf>;
using OfSquare = Of<Mul, Leaf, Of<Square, Leaf>>;
using Root = Of<Sqrt, Leaf>;
using RootOfProduct = Of<Sqrt, Product>;
using ShiftedRoot = Of<Add, RootOfProduct, Leaf>;

}  // namespace

// A form is found step by step, so what it is made from must be here too.
std::span<const Composition> compositions() {
    static const std::vector<Composition> rows = [] {
        std::vector<Composition> made;
        // running means, of a gradient and of its square, and steps against them
        add<Of<Add, Product, Leaf>>(made);
        add<Of<Add, Leaf, Product>>(made);
        add<Of<Add, Product, Product>>(made);
        add<OfSquare>(made);
        add<Of<Add, Product, OfSquare>>(made);
        add<Of<Sub, Leaf, Product>>(made);
        add<Of<Sub, Product, Leaf>>(made);
        add<Of<Add, Scaled, Leaf>>(made);
        add<Of<Add, Leaf, Scaled>>(made);
        // what is divided by a root mean square
        add<RootOfProduct>(made);
        add<Of<Add, Root, Leaf>>(made);
        add<ShiftedRoot>(made);
        add<Of<Div, Leaf, Of<Add, Root, Leaf>>>(made);
        add<Of<Div, Leaf, ShiftedRoot>>(made);
        add<Of<Relu, Of<Add, Leaf, Leaf>>>(made);
        // the pullbacks of tanh and of sigmoid
        add<Of<Sub, Leaf, Of<Square, Leaf>>>(made);
        add<Of<Scale, Leaf, Of<Sub, Leaf, Of<Square, Leaf>>>>(made);
        add<Of<Mul, Leaf, Of<Sub, Leaf, Leaf>>>(made);
        add<Of<Scale, Leaf, Of<Mul, Leaf, Of<Sub, Leaf, Leaf>>>>(made);
        return made;
    }();
    return rows;
}

}  // namespace pullback::PULLBACK_ISA
