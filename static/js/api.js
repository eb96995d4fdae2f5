/* Swagger UI on the page of the API. Its requests carry the session, and what changes anything the form's token. */

function followTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    const theme = document.documentElement.dataset.theme;
    document.documentElement.classList.toggle("dark-mode", theme ? theme === "dark" : system.matches);
  };
  system.addEventListener("change", follow);
  follow();
}

export function attach(element) {
  followTheme();
  const { schema, csrf } = element.dataset;
  window.SwaggerUIBundle({
    domNode: element,
    url: schema,
    deepLinking: true,
    presets: [window.SwaggerUIBundle.presets.apis],
    requestInterceptor(request) {
      const ours = new URL(request.url, location.href).origin === location.origin;
      if (ours && !["GET", "HEAD", undefined].includes(request.method)) request.headers["X-CSRFToken"] = csrf;
      return request;
    },
  });
}
