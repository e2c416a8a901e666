// First of a kernel's texts on Metal, whose language has the words that the others use
// but for these.
//
// A product that a sum must not take in unrounded: x decides between equal tokens.
#pragma METAL fp contract(off)

#define THREADGROUP_ARRAY(T, name, size) threadgroup T name[size];

inline float rounded_product(float a, float b) {
  return a * b;
}

inline float exp2_of(float x) {
  return metal::exp2(x);
}
