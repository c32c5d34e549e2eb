//! The code that `#[derive(Wire)]` writes.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{DeriveInput, Result, parse_quote};

use crate::format::Format;

/// The implementation of `Wire` for `input`.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    // Spanned at the type's name: that is where the compiler says that serde's derives are missing.
    let (write, read) = match Format::of(input)? {
        Format::Json => (
            quote_spanned! {name.span()=> ::millstream::codec::private::to_json },
            quote_spanned! {name.span()=> ::millstream::codec::private::from_json },
        ),
        Format::Bincode => (
            quote_spanned! {name.span()=> ::millstream::codec::private::to_bincode },
            quote_spanned! {name.span()=> ::millstream::codec::private::from_bincode },
        ),
    };

    let mut generics = input.generics.clone();
    if !generics.params.is_empty() {
        let (_, arguments, _) = input.generics.split_for_impl();
        // A condition on the whole type rather than on each parameter: it holds exactly where the
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
                #write(self, out)
            }

            fn decode(
                bytes: &[u8],
            ) -> ::core::result::Result<Self, ::millstream::codec::CodecError> {
                #read(bytes)
            }
        }
    })
}
