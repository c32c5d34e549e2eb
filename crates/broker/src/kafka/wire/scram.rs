//! A proof that the password is known, without the password (SCRAM, RFC 5802; KIP-84).

use std::io;

use openssl::base64::{decode_block, encode_block};
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::memcmp;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use super::login::Login;

/// What the proof is made with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

/// Proves it by what `say` sends and brings back, and has the broker prove the same.
pub(super) fn prove(
    hash: Hash,
    login: &Login,
    mut say: impl FnMut(&[u8]) -> io::Result<Vec<u8>>,
) -> io::Result<()> {
    let mut nonce = [0; 24];
    openssl::rand::rand_bytes(&mut nonce)?;
    let first = first_message(&login.username, &encode_block(&nonce));
    let challenge = say(format!("n,,{first}").as_bytes())?;
    let challenge = String::from_utf8_lossy(&challenge).into_owned();
    let proof = Proof::new(hash, &login.password, &first, &challenge)?;
    let last = say(proof.message.as_bytes())?;
    let last = String::from_utf8_lossy(&last);
    let signature = last.split(',').find_map(|part| part.strip_prefix("v="));
    let signature = signature.and_then(|text| decode_block(text).ok()).unwrap_or_default();
    let is_right =
        signature.len() == proof.signature.len() && memcmp::eq(&signature, &proof.signature);
    if is_right { Ok(()) } else { Err(refused("the broker does not know the password")) }
}

fn first_message(username: &str, nonce: &str) -> String {
    format!("n={},r={nonce}", username.replace('=', "=3D").replace(',', "=2C"))
}

struct Proof {
    /// The second message.
    message: String,
    /// What the broker answers to it.
    signature: Vec<u8>,
}

impl Proof {
    fn new(hash: Hash, password: &str, first: &str, challenge: &str) -> io::Result<Self> {
        let part = |name: &str| challenge.split(',').find_map(|part| part.strip_prefix(name));
        let malformed = || refused("the broker's challenge is malformed");
        let nonce = part("r=").ok_or_else(malformed)?;
        let own = first.rsplit_once("r=").map_or("", |(_, own)| own);
        if !nonce.starts_with(own) {
            return Err(refused("the broker's challenge is not for us"));
        }
        let salt = part("s=").and_then(|salt| decode_block(salt).ok()).ok_or_else(malformed)?;
        let rounds = part("i=").and_then(|rounds| rounds.parse().ok()).ok_or_else(malformed)?;
        let digest = match hash {
            Hash::Sha256 => MessageDigest::sha256(),
            Hash::Sha512 => MessageDigest::sha512(),
        };
        let mut salted = vec![0; digest.size()];
        pbkdf2_hmac(password.as_bytes(), &salt, rounds, digest, &mut salted)?;
        let client_key = keyed(digest, &salted, b"Client Key")?;
        let stored_key = self::hash(digest, &client_key)?;
        let message = format!("c=biws,r={nonce}");
        let all = format!("{first},{challenge},{message}");
        let shown = keyed(digest, &stored_key, all.as_bytes())?;
        let shown: Vec<u8> = client_key.iter().zip(&shown).map(|(a, b)| a ^ b).collect();
        let server_key = keyed(digest, &salted, b"Server Key")?;
        let signature = keyed(digest, &server_key, all.as_bytes())?;
        Ok(Self { message: format!("{message},p={}", encode_block(&shown)), signature })
    }
}

fn keyed(digest: MessageDigest, key: &[u8], text: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(digest, &key)?;
    signer.update(text)?;
    signer.sign_to_vec()
}

fn refused(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677.
    #[test]
    fn the_example_of_the_standard() {
        let first = first_message("user", "rOprNGfwEbeRWgbNEkqO");
        let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = Proof::new(Hash::Sha256, "pencil", &first, challenge).unwrap();
        assert!(proof.message.ends_with(",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
        let signature = encode_block(&proof.signature);
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn what_is_not_the_answer_to_us_is_refused() {
        let first = first_message("a=b,c", "own");
        assert_eq!(first, "n=a=3Db=2Cc,r=own");
        for challenge in
            ["r=other,s=QUJD,i=4096", "s=QUJD,i=4096", "r=own1,s=!,i=1", "r=own1,s=QUJD"]
        {
            assert!(Proof::new(Hash::Sha512, "p", &first, challenge).is_err(), "{challenge}");
        }
    }
}
