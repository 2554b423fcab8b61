// The one script of these pages: it asks the browser for a passkey and sends what it answers.
//
// <form data-passkey="login|again|join|add|approve" data-options="JSON"> is sent as any other form,
// with the answer in the field `assertion`. Text goes into textContent alone; nothing is fetched.
"use strict";

(() => {
  const FAULTS = {
    AbortError: "It was stopped.",
    InvalidStateError: "This device has a passkey of yours already: use that one.",
    NotSupportedError: "This device cannot make the kind of passkey that is needed here.",
    SecurityError: "Your browser says that this is not the page of the passkey's owner. Look at the address.",
  };
  // Browsers tell neither that somebody said no nor that he waited for too long.
  const CLOSED = "The dialogue was closed, or took too long, or the passkey is not on this device.";

  const bytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (c) => c.charCodeAt(0));
  };
  const text = (buffer) => {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  };
  const listed = (ids) => (ids || []).map((one) => ({ ...one, id: bytes(one.id) }));

  // Browsers that cannot read the JSON of the standard themselves.
  function creation(options) {
    if (PublicKeyCredential.parseCreationOptionsFromJSON) {
      return PublicKeyCredential.parseCreationOptionsFromJSON(options);
    }
    const user = { ...options.user, id: bytes(options.user.id) };
    const without = listed(options.excludeCredentials);
    return { ...options, challenge: bytes(options.challenge), user, excludeCredentials: without };
  }

  function request(options) {
    if (PublicKeyCredential.parseRequestOptionsFromJSON) {
      return PublicKeyCredential.parseRequestOptionsFromJSON(options);
    }
    const allowed = listed(options.allowCredentials);
    return { ...options, challenge: bytes(options.challenge), allowCredentials: allowed };
  }

  function told(made) {
    if (made.toJSON) return made.toJSON();
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[name]) response[name] = text(made.response[name]);
    }
    return { id: made.id, rawId: made.id, type: made.type, response };
  }

  async function answer(options) {
    const made = options.user
      ? await navigator.credentials.create({ publicKey: creation(options) })
      : await navigator.credentials.get({ publicKey: request(options) });
    return JSON.stringify(told(made));
  }

  function prepare(form) {
    const button = form.querySelector("button");
    const alert = form.querySelector("[role=alert]");
    const say = (words) => {
      alert.textContent = words;
      alert.hidden = !words;
    };
    const rest = () => {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    };
    if (!window.PublicKeyCredential) {
      say("This browser knows no passkeys. Open this page in another one.");
      return;
    }
    rest();
    // A page that the browser brings back from its memory is as it was left: busy.
    window.addEventListener("pageshow", rest);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      button.disabled = true;
      button.setAttribute("aria-busy", "true");
      say("");
      try {
        const found = await answer(JSON.parse(form.dataset.options));
        let field = form.elements.namedItem("assertion");
        if (!field) {
          field = document.createElement("input");
          field.type = "hidden";
          field.name = "assertion";
          form.append(field);
        }
        field.value = found;
        form.submit();
      } catch (fault) {
        say(`${FAULTS[fault.name] || CLOSED} Nothing was done.`);
        rest();
        button.focus();
      }
    });
  }

  document.querySelectorAll("form[data-passkey]").forEach(prepare);
})();
