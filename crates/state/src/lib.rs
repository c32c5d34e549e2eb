//! Byte stores of millstream.
