//! The code that `#[derive(Wire)]` writes.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{DeriveInput, Ident, Result, parse_quote};

use crate::format::Format;

/// The implementation of `Wire` for `input`.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let (write, read) = match Format::of(input)? {
        Format::Json => ("to_json", "from_json"),
        Format::Bincode => ("to_bincode", "from_bincode"),
    };
    let write = Ident::new(write, Span::mixed_site());
    let read = Ident::new(read, Span::mixed_site());
    let name = &input.ident;

    let mut generics = input.generics.clone();
    if generics.params.iter().next().is_some() {
        let (_, arguments, _) = input.generics.split_for_impl();
        // Bounds on the whole type rather than on each parameter: they hold exactly where the
        // type itself can be serialized, whatever `#[serde(bound)]` or `PhantomData` do.
        generics
            .make_where_clause()
            .predicates
            .push(parse_quote!(#name #arguments: ::millstream::codec::private::SerdeData));
    }
    let (parameters, arguments, conditions) = generics.split_for_impl();

    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::millstream::codec::Wire for #name #arguments #conditions {
            fn encode(
                &self,
                out: &mut ::std::vec::Vec<u8>,
            ) -> ::core::result::Result<(), ::millstream::codec::CodecError> {
                ::millstream::codec::private::#write(self, out)
            }

            fn decode(
                bytes: &[u8],
            ) -> ::core::result::Result<Self, ::millstream::codec::CodecError> {
                ::millstream::codec::private::#read(bytes)
            }
        }
    })
}
