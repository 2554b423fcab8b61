// Two buttons: one makes a passkey for this host, one uses it.
const said = document.querySelector("output");
const challenge = new Uint8Array(32).fill(7);
const rp = document.body.dataset.rp;

async function tell(action) {
  said.textContent = "asking";
  try {
    const made = await action();
    const text = new TextDecoder().decode(made.response.clientDataJSON);
    said.textContent = `done ${made.id} ${JSON.parse(text).origin}`;
  } catch (fault) {
    said.textContent = `${fault.name}: ${fault.message}`;
  }
}

document.querySelector("#make").addEventListener("click", () => tell(() => navigator.credentials.create({
  publicKey: {
    challenge,
    rp: { id: rp, name: "A bank" },
    user: { id: new Uint8Array(16).fill(1), name: "bianca", displayName: "Bianca" },
    pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: "public-key", alg })),
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
  },
})));

document.querySelector("#use").addEventListener("click", () => tell(() => navigator.credentials.get({
  publicKey: { challenge, rpId: rp, userVerification: "required" },
})));
