//! `#[derive(Wire)]` of millstream: a type says its format once, at its definition.

mod format;
mod wire;

use proc_macro::TokenStream;

/// Gives a struct or an enum a format on topics and in stores, through serde's `Serialize` and
/// `Deserialize`, which it needs as well.
///
/// The format is JSON unless `#[wire(bincode)]` says otherwise; `#[wire(json)]` spells the default
/// out. Type parameters are allowed: `Envelope<T>` has a format where it has serde's traits.
#[proc_macro_derive(Wire, attributes(wire))]
pub fn derive_wire(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    wire::expand(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}
