//! Which format `#[wire(..)]` asks for.

use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, Meta, Result};

/// A format that the derive can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Bincode,
}

impl Format {
    /// The format that the attributes of `input` ask for; JSON where they say nothing.
    pub(crate) fn of(input: &DeriveInput) -> Result<Self> {
        refuse_inside(&input.data)?;
        let mut found: Option<Self> = None;
        for attribute in input.attrs.iter().filter(|attribute| is_wire(attribute)) {
            let format = Self::parse(attribute)?;
            if found.replace(format).is_some() {
                return Err(Error::new_spanned(
                    attribute,
                    "a type has one format: keep one `#[wire(..)]`",
                ));
            }
        }
        Ok(found.unwrap_or(Self::Json))
    }

    fn parse(attribute: &Attribute) -> Result<Self> {
        let Meta::List(list) = &attribute.meta else {
            return Err(Error::new_spanned(
                attribute,
                "`#[wire(..)]` names a format: `#[wire(json)]`, the default, or `#[wire(bincode)]`",
            ));
        };
        let name: Ident = syn::parse2(list.tokens.clone()).map_err(|_| {
            Error::new_spanned(
                attribute,
                "`#[wire(..)]` takes exactly one format: `json`, the default, or `bincode`",
            )
        })?;
        match name.to_string().as_str() {
            "json" => Ok(Self::Json),
            "bincode" => Ok(Self::Bincode),
            other => Err(Error::new_spanned(
                &name,
                format!("`{other}` is not a format: write `json`, the default, or `bincode`"),
            )),
        }
    }
}

fn is_wire(attribute: &Attribute) -> bool {
    attribute.path().is_ident("wire")
}

/// Refuses `#[wire(..)]` on fields and variants: the compiler allows a derive's attribute there,
/// and a format asked for in the wrong place must not be ignored in silence.
fn refuse_inside(data: &Data) -> Result<()> {
    match data {
        Data::Struct(data) => refuse_in_fields(&data.fields),
        Data::Enum(data) => data.variants.iter().try_for_each(|variant| {
            refuse_in(&variant.attrs)?;
            refuse_in_fields(&variant.fields)
        }),
        Data::Union(data) => Err(Error::new_spanned(
            data.union_token,
            "a union has no format: `#[derive(Wire)]` is for structs and enums",
        )),
    }
}

fn refuse_in_fields(fields: &Fields) -> Result<()> {
    fields.iter().try_for_each(|field| refuse_in(&field.attrs))
}

fn refuse_in(attributes: &[Attribute]) -> Result<()> {
    match attributes.iter().find(|attribute| is_wire(attribute)) {
        Some(attribute) => Err(Error::new_spanned(
            attribute,
            "`#[wire(..)]` belongs above the type: all of a value has one format",
        )),
        None => Ok(()),
    }
}
